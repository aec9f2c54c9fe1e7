"""Numbers on binary grids: which grid an array is on, and the nearest values with few bits."""

from __future__ import annotations

import numpy as np

from snntk_core import Array
from snntk_loihi.limits import MANTISSA

BITS = 53  # of a double's mantissa


def finest(values: Array) -> int | None:
    """Return the smallest ``s`` for which ``values * 2**s`` are integers; None where all are zero."""
    lowest, _ = _digits(values)
    return -int(lowest.min()) if lowest.size else None


def width(values: Array) -> int:
    """Return how many binary digits the longest of the values has, from its first 1 to its last."""
    lowest, highest = _digits(values)
    return int((highest - lowest).max(initial=0))


def _digits(values: Array) -> tuple[Array, Array]:
    """Return the exponents of the last 1 of each value that is not zero, and of the first plus one."""
    values = np.asarray(values, np.float64)
    fraction, exponent = np.frexp(values[values != 0])
    whole = np.abs(np.ldexp(fraction, BITS)).astype(np.int64)
    zeros = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return exponent - BITS + zeros, exponent


def exponent_of(values: Array) -> int:
    """Return the smallest ``p`` for which ``2**p`` times 127 reaches every value."""
    largest = float(np.abs(values).max(initial=0.0))
    return int(np.ceil(np.log2(largest / MANTISSA))) if largest else 0


def few_bits(values: Array, coarser: int = 0) -> Array:
    """Return ``j * 2**p`` with ``|j| <= 127``: the nearest with one ``p`` for all, the smallest possible or coarser."""
    return on_step(values, -exponent_of(values) - coarser)


def on_step(values: Array, s: int) -> Array:
    """Return the nearest multiples of ``2**-s``, of the same type."""
    rounded = np.ldexp(np.rint(np.ldexp(np.asarray(values, np.float64), s)), -s)
    return rounded.astype(values.dtype)
