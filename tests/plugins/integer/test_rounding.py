"""Thresholds and sums of grids decide every tie as the activation says, on any fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import FakeQuantize, Node, QuantizedRelu
from snntk_integer.rounding import Ladder, Requantize, rounded
from snntk_integer.value import Place, Term, Value

REACH = 40
gains = st.sampled_from([Fraction(1, 4), Fraction(1, 8), Fraction(3, 8), Fraction(1, 3), Fraction(5, 2), Fraction(1)])
offsets = st.sampled_from([Fraction(0), Fraction(1, 8), Fraction(-3, 4), Fraction(1, 3), Fraction(-10)])
ops = st.sampled_from(
    [
        *(QuantizedRelu(np.float32(step), levels, "half-down") for step in (0.25, 0.75) for levels in (1, 15)),
        *(QuantizedRelu(np.float32(step), levels, "half-even") for step in (0.25, 0.75) for levels in (1, 15)),
        *(FakeQuantize(np.float32(step), -8, 7) for step in (0.5, 0.75)),
    ]
)


def code(op: QuantizedRelu | FakeQuantize, value: Fraction) -> int:
    """Return the code of a value, as the docstrings of the ops say."""
    quotient = value / Fraction(float(op.step))
    if isinstance(op, FakeQuantize):
        return min(max(round(quotient), op.lowest), op.highest)
    found = ceil(quotient - Fraction(1, 2)) if op.rounding == "half-down" else round(quotient)
    return min(max(found, 0), op.levels)


def made(op: QuantizedRelu | FakeQuantize, value: Value, count: int) -> Place:
    return Place(Node("r", op, ("a",)), (value,), ((count,),), (count,))


@given(op=ops, gain=gains, offset=offsets)
@settings(max_examples=60, deadline=None)
def test_thresholds(op: QuantizedRelu | FakeQuantize, gain: Fraction, offset: Fraction) -> None:
    reached = np.arange(-REACH, REACH + 1, dtype=np.int32)
    value = Value((Term(np.array([gain], object), -REACH, REACH),), np.array([offset], object))
    found, kernel = rounded(op, made(op, value, len(reached)))
    assert isinstance(kernel, Ladder)
    assert kernel([(reached[None],)])[0][0].tolist() == [code(op, gain * a + offset) for a in reached.tolist()]
    (term,) = found.terms
    assert term.gain.item() == Fraction(float(op.step))


@given(op=ops, gain=st.tuples(gains, gains), offset=offsets)
@settings(max_examples=60, deadline=None)
def test_sums_of_two_grids(op: QuantizedRelu | FakeQuantize, gain: tuple[Fraction, Fraction], offset: Fraction) -> None:
    first, second = (array.reshape(-1).astype(np.int32) for array in np.mgrid[-20:21, -20:21])
    terms = tuple(Term(np.array([each], object), -20, 20) for each in gain)
    _, kernel = rounded(op, made(op, Value(terms, np.array([offset], object)), len(first)))
    assert isinstance(kernel, Requantize)
    expected = [
        code(op, gain[0] * a + gain[1] * b + offset) for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    assert kernel([(first[None], second[None])])[0][0].tolist() == expected


def test_a_position_may_have_an_offset_of_its_own() -> None:
    op = QuantizedRelu(np.float32(0.5), 15, "half-even")
    offset = np.array([[Fraction(1, 4)], [Fraction(3, 4)], [Fraction(-1)]], object)
    value = Value((Term(np.array([Fraction(1)], object), 0, 9),), offset)
    _, kernel = rounded(op, Place(Node("r", op, ("a",)), (value,), ((3, 1),), (3, 1)))
    assert isinstance(kernel, Requantize)
    assert kernel([(np.array([[[0], [0], [1]], [[2], [1], [2]]], np.int32),)])[0].tolist() == [
        [[0], [2], [0]],
        [[4], [4], [2]],
    ]
