"""Builders of NIR's linear nodes: weights, scaling, pooling and flattening."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from snntk_core.ops import (
    Array,
    AveragePool,
    Conv1D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Reshape,
    Scale,
)
from snntk_core.shapes import Pairs, Shape
from snntk_nir.refusal import Refused
from snntk_nir.translation import Entry, Translation


def _affine(translation: Translation, entry: Entry, value: str) -> str:
    weight, shape = entry.array("weight"), translation.shapes[value]
    if weight.ndim != 2 or shape != weight.shape[1:]:
        raise Refused(f"its weight of shape {weight.shape} does not fit the shape {shape}")
    return translation.add(entry.name, Dense(weight.T, _bias(entry, len(weight))), value)


def _bias(entry: Entry, units: int) -> Array | None:
    """Return the bias, None where it is zero or there is none."""
    if entry.fields.get("bias") is None:
        return None
    bias = entry.array("bias")
    if bias.size not in (1, units):
        raise Refused(f"its bias of shape {bias.shape} does not fit {units} outputs")
    return np.broadcast_to(bias.reshape(-1), (units,)) if np.any(bias) else None


def padding_of(entry: Entry, kernel: Shape, dilation: Shape) -> Pairs:
    """Return what is padded before and after each axis."""
    given: Any = entry.fields.get("padding", 0)
    given = given.decode(errors="replace") if isinstance(given, bytes) else given
    if isinstance(given, str) and given == "valid":
        return ((0, 0),) * len(kernel)
    if isinstance(given, str) and given == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((amount, amount) for amount in entry.integers("padding", len(kernel), 0))


def _convolution(translation: Translation, entry: Entry, value: str) -> str:
    rank, shape, weight = int(entry.fields["type"][4]), translation.shapes[value], entry.array("weight")
    if weight.ndim != rank + 2 or len(shape) != rank + 1:
        raise Refused(f"its weight of shape {weight.shape} does not fit the shape {shape}")
    strides, dilation = entry.integers("stride", rank, 1), entry.integers("dilation", rank, 1)
    (groups,) = entry.integers("groups", 1, 1)
    if groups < 1 or weight.shape[1] * groups != shape[0] or min(*strides, *dilation) < 1:
        raise Refused(f"its weight of shape {weight.shape} with {groups} groups does not fit the shape {shape}")
    pads, bias = padding_of(entry, weight.shape[2:], dilation), _bias(entry, len(weight))
    if rank == 1:
        op = Conv1D(weight.transpose(2, 1, 0), bias, strides, pads, dilation, groups)
        return translation.around(entry.name, op, value)
    if groups == shape[0] > 1 and len(weight) % groups == 0:
        kernels = weight.reshape(groups, -1, *weight.shape[2:]).transpose(2, 3, 0, 1)
        return translation.around(entry.name, DepthwiseConv2D(kernels, bias, strides, pads, dilation), value)
    op2 = Conv2D(weight.transpose(2, 3, 1, 0), bias, strides, pads, dilation, groups)
    return translation.around(entry.name, op2, value)


def _scale(translation: Translation, entry: Entry, value: str) -> str:
    return translation.add(entry.name, Scale(entry.broadcast("scale", translation.shapes[value])), value)


def _pool(translation: Translation, entry: Entry, value: str) -> str:
    kernel, strides = entry.integers("kernel_size", 2), entry.integers("stride", 2)
    pads = padding_of(entry, kernel, (1, 1))
    if min(*kernel, *strides) < 1 or len(translation.shapes[value]) != 3:
        raise Refused(f"windows of {kernel} do not fit the shape {translation.shapes[value]}")
    if entry.fields["type"] == "SumPool2d":
        # scaled before the mean: so the sum of spikes is exact whatever the size of the window
        value = translation.add(f"{entry.name}_times", Scale(np.float32(prod(kernel))), value)
    return translation.around(entry.name, AveragePool(kernel, strides, pads, count_include_pad=True), value)


def _flatten(translation: Translation, entry: Entry, value: str) -> str:
    shape = translation.shapes[value]
    begin, end = (int(np.asarray(entry.fields.get(key, default)).reshape(())) for key, default in
                  (("start_dim", 1), ("end_dim", -1)))  # fmt: skip
    if not (-len(shape) <= begin < len(shape) and -len(shape) <= end < len(shape)):
        raise Refused(f"the axes {begin} to {end} do not fit the shape {shape}")
    begin, end = begin % len(shape), end % len(shape)
    if begin >= end:
        return value
    if (begin, end) == (0, len(shape) - 1):
        return translation.add(entry.name, Flatten(), value)
    merged = (*shape[:begin], prod(shape[begin : end + 1]), *shape[end + 1 :])
    return translation.add(entry.name, Reshape(merged), value)


LINEAR: Mapping[str, Any] = {
    "Affine": _affine,
    "Linear": _affine,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "Scale": _scale,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
    "Flatten": _flatten,
}
"""Builders of linear nodes."""
