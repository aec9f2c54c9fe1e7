"""Affine maps moved into weights: pure arithmetic, in float64, rounded once to the dtype of the weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from snntk_core.errors import GraphError
from snntk_core.ops import (
    Array,
    BatchNorm,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Scale,
    WeightedOp,
)
from snntk_core.shapes import Shape, resolve_padding

SCALABLE = (Dense, Conv1D, Conv2D, DepthwiseConv2D, ConvTranspose2D)
"""The weighted ops whose weight layout is known here."""


def scale_outputs(op: WeightedOp, factor: Array | float, offset: Array | float | None = None) -> WeightedOp:
    """Return the op whose output is ``factor * op(x) + offset``, exactly.

    ``factor``, ``offset``: scalar or (units,).  Raises `GraphError` for an op that is not in `SCALABLE`.
    """
    _require_known(op)
    factors = _per_channel(factor, op.units)
    # a depthwise kernel ends with (channels, multiplier), every other one with the units
    steps = factors.reshape(op.arrays["weight"].shape[2:]) if isinstance(op, DepthwiseConv2D) else factors
    bias = op.arrays.get("bias")
    return _rewritten(op, _wide(op.arrays["weight"]) * steps, (None if bias is None else _wide(bias) * factors, offset))


def scale_inputs(
    op: WeightedOp, factor: Array | float, offset: Array | float | None = None, *, shape: Shape | None = None
) -> WeightedOp | None:
    """Return the op whose output is ``op(factor * x + offset)``, or None where there is no such op.

    ``factor``, ``offset``: scalar or (input channels,).  ``shape``: the input's, to find out whether "same" pads at
    all.  There is none when the offset is not zero and the op pads with zeros or is a `ConvTranspose2D`: their borders
    see less of the offset.  Raises `GraphError` for an op that is not in `SCALABLE`.
    """
    _require_known(op)
    weight, channels = _wide(op.arrays["weight"]), input_channels(op)
    shifted = None if offset is None or not np.any(offset) else _per_channel(offset, channels)
    if shifted is not None and (isinstance(op, ConvTranspose2D) or pads(op, shape)):
        return None
    shift = None
    if shifted is not None:
        taps = weight * _on_inputs(op, shifted)
        # (kernel..., channels, multiplier) keeps its channels; every other kernel sums over its inputs
        kept = (2, 3) if isinstance(op, DepthwiseConv2D) else (weight.ndim - 1,)
        shift = taps.sum(axis=tuple(axis for axis in range(weight.ndim) if axis not in kept)).reshape(-1)
    return _rewritten(op, weight * _on_inputs(op, _per_channel(factor, channels)), (op.arrays.get("bias"), shift))


def as_scale(op: BatchNorm) -> Scale:
    """Return the affine map of a batch normalization: ``scale / sqrt(variance + epsilon)`` and what remains."""
    factor = 1 / np.sqrt(_wide(op.variance) + op.epsilon)
    if op.scale is not None:
        factor = factor * op.scale
    offset = -op.mean * factor
    if op.offset is not None:
        offset = offset + op.offset
    dtype = _dtype(*op.arrays.values())
    return Scale(factor.astype(dtype), offset.astype(dtype))


def per_channel(array: Array | None, shape: Shape) -> Array | None:
    """Return the (channels,) values of an array that broadcasts onto ``shape``, or None where it varies over space."""
    if array is None:
        return None
    rows = np.broadcast_to(array, shape).reshape(-1, shape[-1])
    return rows[0] if bool((rows == rows[:1]).all()) else None


def groups_of(op: WeightedOp) -> int:
    """Return into how many groups the channels of an op fall whose weight is (..., in / groups, out)."""
    return op.groups if isinstance(op, Conv1D | Conv2D | ConvTranspose2D) else 1


def input_channels(op: WeightedOp) -> int:
    """Return the length of the input's last axis."""
    shape = op.arrays["weight"].shape
    return int(shape[2] if isinstance(op, DepthwiseConv2D) else shape[-2] * groups_of(op))


def output_ranges(op: WeightedOp) -> Array:
    """Return the largest absolute weight of each output channel, (units,); raises `GraphError` as `scale_outputs`."""
    _require_known(op)
    weight = np.abs(_wide(op.arrays["weight"]))
    kept = 2 if isinstance(op, DepthwiseConv2D) else weight.ndim - 1
    return np.asarray(weight.max(axis=tuple(range(kept)))).reshape(-1)


def input_ranges(op: WeightedOp) -> Array:
    """Return the largest absolute weight that each input channel meets, (input channels,)."""
    _require_known(op)
    weight = np.abs(_wide(op.arrays["weight"]))
    weight = weight.max(axis=tuple(range(weight.ndim - 2)))
    if isinstance(op, DepthwiseConv2D):  # (channels, multiplier)
        return np.asarray(weight.max(axis=1))
    return np.asarray(weight.reshape(len(weight), groups_of(op), -1).max(axis=2).T).reshape(-1)


def pads(op: WeightedOp, shape: Shape | None = None) -> bool:
    """Whether the op adds zeros around its input; without its ``shape``, "same" counts as adding some."""
    if not isinstance(op, Conv1D | Conv2D | DepthwiseConv2D | ConvTranspose2D) or op.padding == "valid":
        return False
    kernel = op.weight.shape[: 1 if isinstance(op, Conv1D) else 2]
    if isinstance(op.padding, str) and shape is None:
        return any(length > 1 for length in kernel)
    ones = (1,) * len(kernel)
    strides, dilation = op.strides or ones, op.dilation or ones
    lengths = ones if shape is None else shape[:-1]
    return any(any(pair) for pair in resolve_padding(op.padding, lengths, kernel, strides, dilation))


def _require_known(op: WeightedOp) -> None:
    if not isinstance(op, SCALABLE):
        raise GraphError([f"{type(op).__name__} cannot be scaled: the layout of its weight is not known here"])


def _wide(array: Array) -> Array:
    return array.astype(np.float64)


def _dtype(*arrays: Array) -> np.dtype[np.floating]:
    kinds = [array.dtype for array in arrays if array.dtype.kind == "f"]
    return np.result_type(*kinds) if kinds else np.dtype(np.float32)


def _per_channel(values: Array | float, channels: int) -> Array:
    return np.broadcast_to(np.asarray(values, np.float64), (channels,))


def _on_inputs(op: WeightedOp, values: Array) -> Array:
    """Return (input channels,) values in the shape that multiplies the weight: (in / groups, out) at its end."""
    groups = groups_of(op)
    if groups == 1:
        return values[:, None]
    return values.reshape(groups, -1).repeat(op.units // groups, axis=0).T


def _rewritten(op: WeightedOp, weight: Array, biases: tuple[Array | None, Array | float | None]) -> WeightedOp:
    """Return the op with other weights; the bias is the sum of those given, None where there is nothing to add."""
    dtype = _dtype(op.arrays["weight"])
    terms = [_per_channel(bias, op.units) for bias in biases if bias is not None]
    changed: dict[str, Any] = {"weight": weight.astype(dtype)}
    if "bias" in op.arrays or any(term.any() for term in terms):
        changed["bias"] = np.sum(terms, axis=0).astype(dtype)
    return replace(op, **changed)
