"""Weights as 8-bit integers times a step for each column, found where they lie on such a grid.

Weights on a grid of a power of two are decoded exactly, or not taken.  Any other step is itself rounded, so decoded
weights may differ in their last bit, less than a sum of them is rounded by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core import Array

LARGEST_CODE = 127
ROUNDING = np.float32(2**-22)  # relative: two bits of single precision
EXACT_BITS = 20  # of weights whose sums single precision still holds exactly


@dataclass(frozen=True, eq=False)
class Codes:
    """``weights = codes * scale``.  ``codes``: int8 (rows, columns).  ``scale``: float32 (columns,)."""

    codes: Array
    scale: Array


def codes_of(weights: Array) -> Codes | None:
    """Return weights as codes; None where they are on no such grid."""
    scale = np.empty(weights.shape[1], np.float32)
    codes = np.empty(weights.shape, np.int8)
    step = np.float32(0)
    for column in range(weights.shape[1]):
        values = weights[:, column]
        if not (step and _on_grid(values, step)):
            found = _step(values)
            if found is None:
                return None
            step = found
        scale[column] = step
        codes[:, column] = np.rint(values / step)
    return Codes(codes, scale)


def _on_grid(values: Array, step: np.float32) -> bool:
    codes = np.rint(values / step)
    return bool(np.abs(codes).max(initial=0) <= LARGEST_CODE and _near(codes * step, values).all())


def _near(decoded: Array, values: Array) -> Array:
    rounding = np.float32(0) if _exact(values) else ROUNDING
    return np.asarray(np.abs(decoded - values) <= rounding * np.abs(values))


def _exact(values: Array) -> bool:
    """Return whether values are whole multiples of one power of two, of at most `EXACT_BITS` bits."""
    _, exponent = np.frexp(np.abs(values).max(initial=0))
    multiples = np.ldexp(values, EXACT_BITS - exponent)
    return np.array_equal(multiples, np.rint(multiples))


def _step(values: Array) -> np.float32 | None:
    """Return the largest step of a grid that holds all values: the largest value over 1, 2, ... 127."""
    distinct = np.unique(np.abs(values))
    distinct = distinct[distinct > 0]
    if len(distinct) > LARGEST_CODE:
        return None
    if not len(distinct):
        return np.float32(1)
    steps = (distinct[-1] / np.arange(1, LARGEST_CODE + 1)).astype(np.float32)
    found = _near(np.rint(distinct / steps[:, None]) * steps[:, None], distinct).all(axis=1)
    return steps[found.argmax()] if found.any() else None
