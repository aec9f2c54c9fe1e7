"""Arrays of fractions: a floating-point number is one, so nothing is rounded here."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from math import gcd, lcm

import numpy as np

from snntk_core import Array

ZERO = np.array([Fraction(0)], object)
ONE = np.array([Fraction(1)], object)


def exact(values: Array | float) -> Array:
    """Return numbers as the fractions that they are, with at least one axis."""
    given = np.asarray(values)
    found = np.empty(given.size, object)
    found[:] = [Fraction(value) for value in given.reshape(-1).tolist()]
    return found.reshape(given.shape or (1,))


def reduced(values: Array) -> Array:
    """Return fractions that differ along the last axis only as one for each channel, and equal ones as a single one."""
    if values.size == 0:
        return values
    rows = values.reshape(-1, values.shape[-1])
    if not (rows == rows[0]).all():
        return values
    return rows[0][:1] if (rows[0] == rows[0][0]).all() else rows[0]


def is_zero(values: Array) -> bool:
    """Whether all of them are zero."""
    return not values.any()


def greatest_common(values: Array) -> Fraction:
    """Return the largest fraction above zero that divides all of them a whole number of times; none is zero."""
    flat = list(dict.fromkeys(values.reshape(-1).tolist()))
    denominator = lcm(*(value.denominator for value in flat))
    return Fraction(reduce(gcd, (int(value * denominator) for value in flat)), denominator)


common_elements = np.frompyfunc(
    lambda a, b: Fraction(gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator),
    2,
    1,
)
"""The greatest common fraction of each pair."""


def largest(values: Array) -> Fraction:
    """Return the largest absolute value."""
    return Fraction(max(map(abs, values.reshape(-1).tolist())))


def floats(values: Array) -> Array:
    """Return fractions as the nearest float64."""
    return np.asarray(values, np.float64)
