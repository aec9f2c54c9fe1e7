"""Builders of convolutions, plain and transposed, with one or two spatial axes."""

from __future__ import annotations

import numpy as np

from snntk_core.ops import Array, Conv1D, Conv2D, ConvTranspose2D, DepthwiseConv2D, Reshape
from snntk_core.shapes import Padding, Shape
from snntk_torch.operators.axes import per_axis, spatial_rank
from snntk_torch.operators.linear import bias_of, floating
from snntk_torch.refusal import Unsupported
from snntk_torch.translation import Call, Tensor

LARGEST_PADDING = 1 << 12  # beyond any use, and before it hurts


def padding_of(call: Call, rank: int) -> Padding:
    """Return padding that is the same on both sides of an axis."""
    amounts = per_axis(call, "padding", rank, 0)
    if max(amounts) > LARGEST_PADDING:
        raise Unsupported(f"its padding of {list(amounts)} is too large")
    return tuple((amount, amount) for amount in amounts) if any(amounts) else "valid"


def _named_padding(mode: str, kernel: Shape, dilation: Shape) -> Padding:
    if mode == "valid":
        return "valid"
    if mode != "same":
        raise Unsupported(f"its padding is {mode!r}")
    totals = [spread * (length - 1) for length, spread in zip(kernel, dilation, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _weight(call: Call, rank: int) -> Array:
    weight = floating(call.constant("weight"))
    if weight.ndim != rank + 2:
        raise Unsupported(f"its weight of shape {weight.shape} does not fit {rank} spatial axes")
    return weight


def _conv(call: Call) -> Tensor:
    value = call.tensor("input")
    rank = spatial_rank(value)
    weight, groups, channels = _weight(call, rank), call.integer("groups", 1), value.shape[0]
    bias = bias_of(call, len(weight))
    strides, dilation = per_axis(call, "stride", rank), per_axis(call, "dilation", rank)
    mode = call.get("padding", 0)
    pads = _named_padding(mode, weight.shape[2:], dilation) if isinstance(mode, str) else padding_of(call, rank)
    if rank == 1:
        return call.add_channels_first(Conv1D(weight.transpose(2, 1, 0), bias, strides, pads, dilation, groups), value)
    if groups == channels > 1 and weight.shape[1] == 1 and len(weight) % channels == 0:
        kernels = weight.reshape(channels, -1, *weight.shape[2:]).transpose(2, 3, 0, 1)
        return call.add_channels_first(DepthwiseConv2D(kernels, bias, strides, pads, dilation), value)
    moved = weight.transpose(2, 3, 1, 0)
    return call.add_channels_first(Conv2D(moved, bias, strides, pads, dilation, groups), value)


def _conv_transpose(call: Call) -> Tensor:
    value = call.tensor("input")
    rank = spatial_rank(value)
    weight, groups = _weight(call, rank), call.integer("groups", 1)
    strides, dilation = per_axis(call, "stride", rank), per_axis(call, "dilation", rank)
    extra, crops = per_axis(call, "output_padding", rank, 0), padding_of(call, rank)
    if rank == 2:
        op = _transposed(call, weight, groups, strides, crops, extra, dilation)
        return call.add_channels_first(op, value)
    pair: Padding = "valid" if isinstance(crops, str) else ((0, 0), *crops)
    op = _transposed(call, weight[:, :, None], groups, (1, *strides), pair, (0, *extra), (1, *dilation))
    channels, length = value.shape
    flat = call.add(Reshape((channels, 1, length)), value, suffix="_row")
    result = call.add_channels_first(op, flat)
    return call.add(Reshape((result.shape[0], result.shape[2])), result, suffix="_result")


def _transposed(
    call: Call, weight: Array, groups: int, strides: Shape, crops: Padding, extra: Shape, dilation: Shape
) -> ConvTranspose2D:
    inner, outer, *kernel = weight.shape
    if groups < 1 or inner % groups:
        raise Unsupported(f"its weight of shape {weight.shape} does not fit {groups} groups")
    parts = weight.reshape(groups, inner // groups, outer, *kernel).transpose(3, 4, 1, 0, 2)
    moved = np.ascontiguousarray(parts).reshape(*kernel, inner // groups, groups * outer)
    return ConvTranspose2D(moved, bias_of(call, groups * outer), strides, crops, extra, dilation, groups)


def _general(call: Call) -> Tensor:
    return _conv_transpose(call) if call.flag("transposed") else _conv(call)


CONVOLUTIONS = {
    "conv1d": _conv,
    "conv2d": _conv,
    "_convolution_mode": _conv,
    "convolution": _general,
    "_convolution": _general,
    "conv_transpose1d": _conv_transpose,
    "conv_transpose2d": _conv_transpose,
}
"""Builders of convolutions."""
