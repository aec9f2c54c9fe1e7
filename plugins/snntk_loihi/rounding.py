"""Numbers on binary grids: which grid an array is on, and the nearest values with few bits."""

from __future__ import annotations

import numpy as np

from snntk_core import Array
from snntk_loihi.limits import MANTISSA

BITS = 53  # of a double's mantissa


def finest(values: Array) -> int | None:
    """Return the smallest ``s`` for which ``values * 2**s`` are integers; None where all are zero."""
    values = np.asarray(values, np.float64)
    values = values[values != 0]
    if not values.size:
        return None
    fraction, exponent = np.frexp(values)
    whole = np.abs(np.ldexp(fraction, BITS)).astype(np.int64)
    zeros = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return int(BITS - (exponent + zeros).min())


def few_bits(values: Array, coarser: int = 0) -> Array:
    """Return ``j * 2**p`` with ``|j| <= 127``: the nearest with one ``p`` for all, the smallest possible or coarser."""
    largest = float(np.abs(values).max(initial=0.0))
    if not largest:
        return values
    exponent = int(np.ceil(np.log2(largest / MANTISSA))) + coarser
    return on_step(values, -exponent)


def on_step(values: Array, s: int) -> Array:
    """Return the nearest multiples of ``2**-s``, of the same type."""
    rounded = np.ldexp(np.rint(np.ldexp(np.asarray(values, np.float64), s)), -s)
    return rounded.astype(values.dtype)
