"""Activations in integers: the code of a value is how many thresholds it has reached.

``code = lowest + #{k in lowest + 1 .. highest : acc >= tau_k}``, ``tau_k = ceil(((k - 1/2) * step - offset) / gain)``,
one more where a tie goes down and the quotient is whole: always for "half-down", for odd ``k`` for "half-even".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np

from snntk_core import Array, FakeQuantize, QuantizedRelu, Rounding
from snntk_integer.rationals import exact, largest
from snntk_integer.value import Integers, Kernel, Place, Refusal, Term, Value

MOST_THRESHOLDS = 1 << 22
ROOM = 61  # bits of the sums of `Requantize`, one less than the sign leaves


@dataclass(frozen=True, eq=False)
class Ladder:
    """Thresholds: int32, (channels or 1, highest - lowest), rising along the last axis."""

    thresholds: Array
    lowest: int

    def __call__(self, inputs: Sequence[Integers]) -> Integers:
        """Return the codes."""
        (((values,),)) = inputs
        if len(self.thresholds) == 1:
            return ((np.searchsorted(self.thresholds[0], values, side="right") + self.lowest).astype(np.int32),)
        codes = np.empty(values.shape, np.int32)
        for channel, row in enumerate(self.thresholds):
            codes[..., channel] = np.searchsorted(row, values[..., channel], side="right")
        return (codes + np.int32(self.lowest),)


@dataclass(frozen=True, eq=False)
class Requantize:
    """Codes of a sum of several grids, or of one whose offset depends on the position.

    ``value / step`` is computed in int64 as a multiple of ``2^-shift``, which is wrong by ``slack`` units at most.
    Where that leaves two codes possible, the fractions ``gains`` and ``offset``, in steps, decide.
    """

    factors: tuple[Array, ...]
    constant: Array
    shift: int
    slack: int
    gains: tuple[Array, ...]
    offset: Array
    lowest: int
    highest: int
    rounding: Rounding

    def __call__(self, inputs: Sequence[Integers]) -> Integers:
        """Return the codes."""
        (arrays,) = inputs
        total = self.constant + sum(factor * array for factor, array in zip(self.factors, arrays, strict=True))
        total += 1 << (self.shift - 1)
        low = np.clip((total - self.slack) >> self.shift, self.lowest, self.highest)
        high = np.clip((total + self.slack + 1) >> self.shift, self.lowest, self.highest)
        for index in np.argwhere(low != high).tolist():
            low[tuple(index)] = self._decided(arrays, tuple(index))
        return (low.astype(np.int32),)

    def _decided(self, arrays: Integers, index: tuple[int, ...]) -> int:
        shape = arrays[0].shape[1:]
        value = np.broadcast_to(self.offset, shape)[index[1:]]
        for gain, array in zip(self.gains, arrays, strict=True):
            value += np.broadcast_to(gain, shape)[index[1:]] * int(array[index])
        code = round(value) if self.rounding == "half-even" else ceil(value - Fraction(1, 2))
        return min(max(code, self.lowest), self.highest)


def rounded(op: QuantizedRelu | FakeQuantize, place: Place) -> tuple[Value, Kernel]:
    """Return what an activation becomes."""
    (value,) = place.values
    lowest, highest = (0, op.levels) if isinstance(op, QuantizedRelu) else (op.lowest, op.highest)
    rounding: Rounding = op.rounding if isinstance(op, QuantizedRelu) else "half-even"
    step = exact(op.step)
    step = step.reshape(-1) if step.size in (1, step.shape[-1]) else step
    made = Value((Term(step, lowest, highest),))
    gains, offset = tuple(term.gain / step for term in value.terms), value.offset / step
    if len(gains) == 1 and gains[0].ndim == offset.ndim == 1:
        return made, _ladder(value.terms[0], gains[0], offset, lowest, highest, rounding)
    return made, _requantize(value.terms, gains, offset, (lowest, highest, rounding))


def _ladder(term: Term, gain: Array, offset: Array, lowest: int, highest: int, rounding: Rounding) -> Ladder:
    gain, offset = np.broadcast_arrays(gain, offset)
    if gain.size * (highest - lowest) > MOST_THRESHOLDS:
        problem = f"it has {highest - lowest} thresholds in each of {gain.size} channels."
        raise Refusal(problem, "Quantize it to fewer bits, or per layer.")
    rows = [_thresholds(*pair, lowest, highest, rounding) for pair in zip(gain.tolist(), offset.tolist(), strict=True)]
    bounded = [[min(max(each, term.lowest), term.highest + 1) for each in row] for row in rows]
    return Ladder(np.array(bounded, np.int64).clip(-(2**31), 2**31 - 1).astype(np.int32), lowest)


def _thresholds(gain: Fraction, offset: Fraction, lowest: int, highest: int, rounding: Rounding) -> list[int]:
    """Return the least integer that has each code; gain and offset in steps."""
    # the quotient is (top * (2k - 1) - moved) / below, all of them integers
    top, below = gain.denominator * offset.denominator, 2 * gain.numerator * offset.denominator
    moved = 2 * offset.numerator * gain.denominator
    found = []
    for code in range(lowest + 1, highest + 1):
        least, rest = divmod(top * (2 * code - 1) - moved, below)
        reached = rest == 0 and rounding == "half-even" and code % 2 == 0
        found.append(least if reached else least + 1)
    return found


def _requantize(
    terms: tuple[Term, ...], gains: tuple[Array, ...], offset: Array, codes: tuple[int, int, Rounding]
) -> Requantize:
    reaches = [max(term.reach, 1) for term in terms]
    reach = largest(offset) + sum(largest(gain) * each for gain, each in zip(gains, reaches, strict=True))
    shift = ROOM - (ceil(reach) + 2).bit_length()
    slack = sum(reaches)
    if shift < 1 or slack >> ROOM:
        raise Refusal("the grids that it sums differ too much in size.", "Quantize the branches before they are added.")
    fixed = np.frompyfunc(lambda value: floor(value * (1 << shift)), 1, 1)
    factors = tuple(np.asarray(fixed(gain), np.int64) for gain in gains)
    return Requantize(factors, np.asarray(fixed(offset), np.int64), shift, slack, gains, offset, *codes)
