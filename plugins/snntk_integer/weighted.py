"""Layers with weights: ``acc = sum(W * q)`` in integers, and what a constant in the input adds to every unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from snntk_core import Array, Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, WeightedOp, apply
from snntk_core.scaling import pads
from snntk_core.shapes import resolve_padding, size
from snntk_integer.rationals import ONE, ZERO, exact, greatest_common, is_zero, largest, reduced
from snntk_integer.value import LARGEST, Integers, Kernel, Place, Refusal, Term, Value, within

MOST_GRIDS = 16
MOST_SUMS = 1 << 14  # or as many grids as leave this many sums of a sample
EXACT_FLOAT32 = 1 << 24
FEWER = "Use fewer bits or inputs."
UNROUNDED = "Quantize what it reads, or join it with the layer before by fuse-consecutive-linear."
PER_LAYER = "Quantize the activations before it per layer, or to powers of two."


@dataclass(frozen=True, eq=False)
class Accumulate:
    """The sums of one layer.

    ``parts``: the term of the input that each reads, and the op with integers for weights.  They are held in the
    floating-point type whose integers reach as far as any partial sum can, so that matrix products are exact and fast.
    """

    parts: tuple[tuple[int, WeightedOp], ...]

    def __call__(self, inputs: Sequence[Integers]) -> Integers:
        """Return the accumulators."""
        return tuple(
            apply(op, inputs[0][index].astype(op.arrays["weight"].dtype)).astype(np.int32) for index, op in self.parts
        )


def accumulated(op: WeightedOp, place: Place) -> tuple[Value, Kernel]:
    """Return what a layer with weights becomes."""
    (value,) = place.values
    codes = place.node.formats["weight"].encode(op.arrays["weight"])
    over_inputs, over_outputs = _steps(op, place)
    terms, parts = [], []
    for index, term in enumerate(value.terms):
        for gain, ratios in _grids(op, codes, term, over_inputs, place):
            weight = codes * ratios
            positive, negative = _sums(op, np.maximum(weight, 0)), _sums(op, np.minimum(weight, 0))
            within(int((positive - negative).max()) * term.reach, FEWER if term.reach < 1 << 16 else UNROUNDED)
            low, high = min(term.lowest, 0), max(term.highest, 0)
            made = Term(
                reduced(gain * over_outputs),
                int((positive * low + negative * high).min()),
                int((positive * high + negative * low).max()),
            )
            terms.append(made)
            held = np.float32 if int((positive - negative).max()) * term.reach < EXACT_FLOAT32 else np.float64
            parts.append((index, _with(op, weight.astype(held))))
    bias = op.arrays.get("bias")
    moved = _moved(op, codes, value.offset * over_inputs, place) * over_outputs
    offset = reduced(moved if bias is None else moved + exact(bias))
    return Value(tuple(terms), offset), Accumulate(tuple(parts))


def _with(op: WeightedOp, weight: Array) -> WeightedOp:
    return replace(op, weight=weight, bias=None)  # type: ignore[call-arg]


def _steps(op: WeightedOp, place: Place) -> tuple[Array, Array]:
    """Return the steps of the weights for each input and for each output."""
    found, weight = place.node.formats["weight"], op.arrays["weight"]
    steps = exact(found.scale)
    axis = None if found.axis is None else found.axis % weight.ndim
    if axis is None or steps.size == 1:
        return ONE, steps
    if isinstance(op, DepthwiseConv2D) and axis >= 2:
        channels, multiplier = weight.shape[2:]
        return ONE, np.repeat(steps, multiplier) if axis == 2 else np.tile(steps, channels)
    if axis == weight.ndim - 1:
        return ONE, steps
    if axis == weight.ndim - 2 and getattr(op, "groups", 1) == 1:
        return steps, ONE
    raise Refusal(f"its weights have steps along axis {found.axis}.", "Quantize them per output channel.")


def _grids(
    op: WeightedOp, codes: Array, term: Term, over_inputs: Array, place: Place
) -> list[tuple[Array | Fraction, Array]]:
    """Return the grids that inputs are on: the gain, and how many times each weight counts, broadcast onto them."""
    one = np.ones((1,) * codes.ndim, np.int64)
    gain = reduced(term.gain * over_inputs)
    if gain.size == 1:
        return [(gain[0], one)]
    if gain.ndim > 1:
        raise Refusal("it reads positions of different steps.", PER_LAYER)
    if isinstance(op, DepthwiseConv2D):
        return [(np.repeat(gain, codes.shape[3]), one)]
    if getattr(op, "groups", 1) > 1:
        raise Refusal("its groups read channels of different steps.", PER_LAYER)
    common = greatest_common(gain)
    times = gain / common
    if largest(times) * max(term.reach, 1) * int(np.abs(codes).max(initial=1)) <= LARGEST:
        ratios = _over_inputs(codes, times.astype(np.int64))
        if int(_sums(op, np.abs(codes * ratios)).max()) * term.reach <= LARGEST:
            return [(common, ratios)]
    different = list(dict.fromkeys(gain.tolist()))
    if len(different) > MOST_GRIDS and len(different) * size(place.shape) > MOST_SUMS:
        raise Refusal(f"it reads channels of {len(different)} different steps; {MOST_GRIDS} are taken.", PER_LAYER)
    return [(each, _over_inputs(codes, (gain == each).astype(np.int64))) for each in different]


def _over_inputs(codes: Array, values: Array) -> Array:
    return values.reshape(*(1,) * (codes.ndim - 2), -1, 1)


def _sums(op: WeightedOp, weight: Array) -> Array:
    """Return the sum of the weights that lead to each output."""
    axes = (0, 1) if isinstance(op, DepthwiseConv2D) else tuple(range(weight.ndim - 1))
    return np.asarray(weight.sum(axis=axes))


def _moved(op: WeightedOp, codes: Array, offset: Array, place: Place) -> Array:
    """Return ``sum(W * offset)`` for each output, or for each position where zeros around the input lack it."""
    if is_zero(offset):
        return ZERO
    shape = place.shapes[0]
    kernel = codes.shape[:-2]
    if offset.ndim == 1 and not isinstance(op, Dense | ConvTranspose2D) and not pads(op, shape):
        spread = getattr(op, "dilation", ()) or (1,) * len(kernel)
        shape = (*(d * (k - 1) + 1 for k, d in zip(kernel, spread, strict=True)), shape[-1])
    values = np.broadcast_to(offset, shape)[None]
    if isinstance(op, Conv1D | Conv2D | DepthwiseConv2D):
        ones = (1,) * len(kernel)
        around = resolve_padding(op.padding, shape[:-1], kernel, op.strides or ones, op.dilation or ones)
        values = np.pad(values, ((0, 0), *around, (0, 0)), constant_values=0)
        op = replace(op, padding="valid")
    return reduced(apply(_with(op, codes.astype(object)), values)[0])
