"""Ops without weights: pooling, sums of branches, and what only moves elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, prod

import numpy as np

from snntk_core import (
    Add,
    Array,
    AveragePool,
    Concat,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool,
    Op,
    Pad,
    Scale,
    Subtract,
    apply,
)
from snntk_core.shapes import Shape
from snntk_integer.rationals import ONE, ZERO, common_elements, exact, is_zero, largest, reduced
from snntk_integer.value import LARGEST, Integers, Kernel, Place, Refusal, Term, Value, within

BEFORE = "Put a quantized activation before it."


@dataclass(frozen=True, eq=False)
class Applied:
    """An op on each term, in float64, whose integers hold all that 32 bits do; ``times`` makes a mean whole."""

    op: Op
    times: int = 1

    def __call__(self, inputs: Sequence[Integers]) -> Integers:
        """Return the integers of each term."""
        (arrays,) = inputs
        return tuple(np.rint(apply(self.op, a.astype(np.float64)) * self.times).astype(np.int32) for a in arrays)


@dataclass(frozen=True, eq=False)
class Weighed:
    """Sums of whole multiples: for each term of the result the input, its term and how many times it counts."""

    sums: tuple[tuple[tuple[int, int, Array], ...], ...]

    def __call__(self, inputs: Sequence[Integers]) -> Integers:
        """Return the sums."""
        return tuple(
            np.asarray(sum(times * inputs[source][index] for source, index, times in parts), np.int32)
            for parts in self.sums
        )


@dataclass(frozen=True, eq=False)
class Joined:
    """The terms of several inputs one after the other; what has fewer terms gets zeros."""

    op: Concat
    terms: int
    shapes: tuple[Shape, ...]

    def __call__(self, inputs: Sequence[Integers]) -> Integers:
        """Return the terms."""
        count = len(inputs[0][0])
        zeros = [np.zeros((count, *shape), np.int32) for shape in self.shapes]
        return tuple(
            apply(self.op, *(each[t] if t < len(each) else zero for each, zero in zip(inputs, zeros, strict=True)))
            for t in range(self.terms)
        )


def moved(op: Op, place: Place) -> tuple[Value, Kernel]:
    """Return what an op becomes that moves elements, each to one place or several."""
    (value,) = place.values
    filled = isinstance(op, Pad) and any(map(any, op.amounts))
    if isinstance(op, Pad) and op.value:
        raise Refusal(f"it pads with {op.value:g}.", "Pad with zeros.")

    def along(fractions: Array, fill: Fraction) -> Array:
        if fractions.size == 1 and (not filled or fractions[0] == fill):
            return fractions
        whole = np.broadcast_to(fractions, place.shapes[0])[None]
        if isinstance(op, Pad):
            return reduced(np.where(_inside(op, place), _padded(op, whole), fill)[0])
        return reduced(apply(op, whole)[0])

    # a gain means nothing where zeros were added, and one that others have makes no further grid
    terms = tuple(
        Term(
            term.gain if term.gain.size == 1 else along(term.gain, term.gain.flat[0]),
            min(term.lowest, 0) if filled else term.lowest,
            max(term.highest, 0) if filled else term.highest,
        )
        for term in value.terms
    )
    return Value(terms, along(value.offset, Fraction(0))), Applied(op)


def _padded(op: Pad, values: Array) -> Array:
    cut = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(values.shape[1:], op.amounts, strict=True))
    grow = tuple((max(before, 0), max(after, 0)) for before, after in op.amounts)
    return np.pad(values[(slice(None), *cut)], ((0, 0), *grow), constant_values=0)


def _inside(op: Pad, place: Place) -> Array:
    return _padded(op, np.ones((1, *place.shapes[0]), bool))


def pooled_maximum(op: MaxPool | GlobalMaxPool, place: Place) -> tuple[Value, Kernel]:
    """Return what a maximum becomes: one of integers, which rise with the value."""
    (value,) = place.values
    if len(value.terms) > 1:
        raise Refusal("it takes the largest of sums of several grids.", BEFORE)
    if value.terms[0].gain.ndim > 1 or value.offset.ndim > 1:
        raise Refusal("it takes the largest of positions on different grids.", BEFORE)
    return value, Applied(op)


def pooled_mean(op: AveragePool | GlobalAveragePool, place: Place) -> tuple[Value, Kernel]:
    """Return what a mean becomes: a sum, whose gain is smaller; the least common multiple of the divisors."""
    (value,) = place.values
    if value.offset.ndim > 1 or any(term.gain.ndim > 1 for term in value.terms):
        raise Refusal("it averages positions on different grids.", BEFORE)
    if isinstance(op, AveragePool):
        uneven = op.ceil_mode or op.padding != "valid"
        if uneven and op.count_include_pad and not is_zero(value.offset):
            raise Refusal("zeros around the map count in its mean, and the input has a bias.", BEFORE)
        sides = [lcm(*range(1, k + 1)) if uneven else k for k in op.kernel]
    else:
        sides = list(place.shapes[0][:-1])
    times = prod(sides)
    for term in value.terms:
        within(term.reach * times)
    terms = tuple(Term(t.gain / times, min(t.lowest, 0) * times, max(t.highest, 0) * times) for t in value.terms)
    return Value(terms, value.offset), Applied(op, times)


def scaled(op: Scale, place: Place) -> tuple[Value, Kernel]:
    """Return what a scale becomes: other gains and offsets; a negative factor turns the integers around."""
    (value,) = place.values
    factor = reduced(exact(op.factor))
    sign = np.sign(np.asarray(factor, np.float64)).astype(np.int32)
    size = np.where(sign != 0, abs(factor), 1)
    terms = tuple(Term(reduced(t.gain * size), *_turned(t, bool((sign <= 0).any()))) for t in value.terms)
    offset = value.offset * factor if op.offset is None else value.offset * factor + exact(op.offset)
    sums = tuple(((0, index, sign),) for index in range(len(terms)))
    return Value(terms, reduced(offset)), Weighed(sums)


def _turned(term: Term, turned: bool) -> tuple[int, int]:
    return (-term.reach, term.reach) if turned else (term.lowest, term.highest)


def summed(op: Add | Subtract, place: Place) -> tuple[Value, Kernel]:
    """Return what a sum becomes: grids with a common one are added there, others stay side by side."""
    terms: list[Term] = []
    sums: list[list[tuple[int, int, Array]]] = []
    for source, value in enumerate(place.values):
        sign = -1 if isinstance(op, Subtract) and source else 1
        for index, term in enumerate(value.terms):
            low, high = (term.lowest, term.highest) if sign > 0 else (-term.highest, -term.lowest)
            new, part = Term(term.gain, low, high), (source, index, np.full(1, sign, np.int32))
            for place_of, old in enumerate(terms):
                merged = _merged(old, new)
                if merged is not None:
                    terms[place_of], before, after = merged
                    sums[place_of] = [(s, i, (t * before).astype(np.int32)) for s, i, t in sums[place_of]]
                    sums[place_of].append((source, index, (part[2] * after).astype(np.int32)))
                    break
            else:
                terms.append(new)
                sums.append([part])
    signs = [-1 if isinstance(op, Subtract) and source else 1 for source in range(len(place.values))]
    offset = sum((sign * v.offset for sign, v in zip(signs, place.values, strict=True)), start=ZERO)
    return Value(tuple(terms), reduced(offset)), Weighed(tuple(map(tuple, sums)))


def _merged(first: Term, second: Term) -> tuple[Term, Array, Array] | None:
    """Return two terms as one with the whole number of times each counts; None where 32 bits are too few for that."""
    common = common_elements(first.gain, second.gain)
    times = first.gain / common, second.gain / common
    most = largest(times[0]), largest(times[1])
    if first.reach * most[0] + second.reach * most[1] > LARGEST or max(most) > LARGEST:
        return None
    low = min(0, first.lowest) * int(most[0]) + min(0, second.lowest) * int(most[1])
    high = max(0, first.highest) * int(most[0]) + max(0, second.highest) * int(most[1])
    return Term(reduced(common), low, high), times[0].astype(np.int64), times[1].astype(np.int64)


def joined(op: Concat, place: Place) -> tuple[Value, Kernel]:
    """Return what a concatenation becomes."""
    count = max(len(value.terms) for value in place.values)

    def along(given: list[Array]) -> Array:
        if all(each.size == 1 for each in given) and len({each[0] for each in given}) == 1:
            return given[0]
        whole = [np.broadcast_to(each, shape)[None] for each, shape in zip(given, place.shapes, strict=True)]
        return reduced(apply(op, *whole)[0])

    terms = []
    for index in range(count):
        found = [value.terms[index] if index < len(value.terms) else Term(ONE, 0, 0) for value in place.values]
        low, high = min(term.lowest for term in found), max(term.highest for term in found)
        terms.append(Term(along([term.gain for term in found]), low, high))
    offset = along([value.offset for value in place.values])
    return Value(tuple(terms), offset), Joined(op, count, place.shapes)
