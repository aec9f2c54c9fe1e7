"""Ops as functions of tensors (samples, *shape), channels last, that gradients go through; rounding passes them on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce, singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from snntk_core import (
    Add,
    AveragePool,
    BatchNorm,
    ClippedRelu,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    FakeQuantize,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    LeakyRelu,
    MaxPool,
    Multiply,
    Op,
    Pad,
    QuantizedRelu,
    Relu,
    Reshape,
    Scale,
    Subtract,
    Transpose,
    apply,
)
from snntk_core.reference.windows import window_of
from snntk_core.shapes import Pairs, Shape, resolve_padding, window_counts

if TYPE_CHECKING:
    from torch import Tensor

Arrays = Mapping[str, Any]
"""The arrays of an op as tensors, by field name; what is learned is among them."""


@singledispatch
def forward(op: Op, arrays: Arrays, *xs: Tensor) -> Tensor:
    """Return ``op`` applied to its inputs, with ``arrays`` in place of its own."""
    raise TypeError(f"{type(op).__name__} has no gradients here")


def supported(op: Op) -> bool:
    """Whether gradients go through the op."""
    return forward.dispatch(type(op)) is not forward.dispatch(Op)


def _pads(x: Tensor, pads: Pairs, value: float = 0.0) -> Tensor:
    from torch.nn.functional import pad

    flat = [amount for pair in reversed(pads) for amount in pair]
    return pad(x, flat, value=value) if any(flat) else x


def _image(x: Tensor, rank: int) -> Tensor:
    """Return (samples, channels, rows, columns)."""
    return (x if rank == 2 else x.unsqueeze(1)).permute(0, 3, 1, 2)


def _unimage(y: Tensor, rank: int) -> Tensor:
    y = y.permute(0, 2, 3, 1)
    return y if rank == 2 else y.squeeze(1)


@forward.register
def _(op: Dense, arrays: Arrays, x: Any) -> Any:
    y = x @ arrays["weight"]
    return y + arrays["bias"] if "bias" in arrays else y


@forward.register(Conv1D)
@forward.register(Conv2D)
@forward.register(DepthwiseConv2D)
def _(op: Conv1D | Conv2D | DepthwiseConv2D, arrays: Arrays, x: Any) -> Any:
    from torch.nn.functional import conv2d

    rank, weight = x.ndim - 2, arrays["weight"]
    kernel, strides, dilation = window_of(op.weight.shape[:rank], op.strides, op.dilation)
    pads = resolve_padding(op.padding, tuple(x.shape[1:-1]), kernel[-rank:], strides[-rank:], dilation[-rank:])
    groups = x.shape[-1] if isinstance(op, DepthwiseConv2D) else op.groups
    inside = 1 if isinstance(op, DepthwiseConv2D) else weight.shape[-2]
    kernels = weight.reshape(*kernel, inside, -1).permute(3, 2, 0, 1)
    image = _pads(_image(x, rank), ((0, 0),) * (2 - rank) + tuple(pads))
    return _unimage(conv2d(image, kernels, arrays.get("bias"), strides, 0, dilation, groups), rank)


def _reach(op: MaxPool | AveragePool, lengths: Shape) -> tuple[Pairs, Shape, Shape, Shape]:
    """Return padding with what the last windows need past the end, and kernel, strides and dilation of two axes."""
    rank = len(op.kernel)
    dilation = (op.dilation if isinstance(op, MaxPool) else ()) or (1,) * rank
    strides = op.strides or op.kernel
    pads = resolve_padding(op.padding, lengths, op.kernel, strides, dilation)
    counts = window_counts(lengths, op.kernel, strides, pads, dilation, ceil=op.ceil_mode)
    ends = (
        (count - 1) * s + d * (k - 1) + 1 - n - before
        for count, s, d, k, n, (before, _) in zip(counts, strides, dilation, op.kernel, lengths, pads, strict=True)
    )
    reach = tuple((before, max(after, end)) for (before, after), end in zip(pads, ends, strict=True))
    return ((0, 0),) * (2 - rank) + reach, *window_of(op.kernel, strides, dilation)


@forward.register
def _(op: MaxPool, arrays: Arrays, x: Any) -> Any:
    from torch.nn.functional import max_pool2d

    rank = len(op.kernel)
    reach, kernel, strides, dilation = _reach(op, tuple(x.shape[1:-1]))
    return _unimage(max_pool2d(_pads(_image(x, rank), reach, -np.inf), kernel, strides, 0, dilation), rank)


@forward.register
def _(op: AveragePool, arrays: Arrays, x: Any) -> Any:
    import torch
    from torch.nn.functional import avg_pool2d

    rank = len(op.kernel)
    reach, kernel, strides, _ = _reach(op, tuple(x.shape[1:-1]))

    def means(y: Any) -> Any:
        return _unimage(avg_pool2d(_pads(_image(y, rank), reach), kernel, strides), rank)

    ones = np.ones((1, *x.shape[1:-1], 1), np.float32)
    share = torch.from_numpy(apply(op, ones)).to(x.device) / means(torch.from_numpy(ones).to(x.device))
    return means(x) * share


@forward.register
def _(op: GlobalAveragePool, arrays: Arrays, x: Any) -> Any:
    return x.mean(tuple(range(1, x.ndim - 1)), keepdim=op.keep_axes)


@forward.register
def _(op: GlobalMaxPool, arrays: Arrays, x: Any) -> Any:
    return x.amax(tuple(range(1, x.ndim - 1)), keepdim=op.keep_axes)


@forward.register
def _(op: Flatten, arrays: Arrays, x: Any) -> Any:
    return x.reshape(len(x), -1)


@forward.register
def _(op: Reshape, arrays: Arrays, x: Any) -> Any:
    return x.reshape(len(x), *op.shape)


@forward.register
def _(op: Transpose, arrays: Arrays, x: Any) -> Any:
    return x.permute(0, *(axis + 1 for axis in op.order))


@forward.register
def _(op: Pad, arrays: Arrays, x: Any) -> Any:
    return _pads(x, op.amounts, op.value)


@forward.register
def _(op: Scale, arrays: Arrays, x: Any) -> Any:
    y = x * arrays["factor"]
    return y + arrays["offset"] if "offset" in arrays else y


@forward.register
def _(op: BatchNorm, arrays: Arrays, x: Any) -> Any:
    y = (x - arrays["mean"]) / (arrays["variance"] + op.epsilon).sqrt()
    y = y * arrays["scale"] if "scale" in arrays else y
    return y + arrays["offset"] if "offset" in arrays else y


@forward.register
def _(op: Add, arrays: Arrays, *xs: Any) -> Any:
    return reduce(lambda x, y: x + y, xs)


@forward.register
def _(op: Multiply, arrays: Arrays, *xs: Any) -> Any:
    return reduce(lambda x, y: x * y, xs)


@forward.register
def _(op: Subtract, arrays: Arrays, x: Any, y: Any) -> Any:
    return x - y


@forward.register
def _(op: Concat, arrays: Arrays, *xs: Any) -> Any:
    import torch

    return torch.cat(xs, op.axis if op.axis < 0 else op.axis + 1)


@forward.register(Identity)
@forward.register(Dropout)
def _(op: Identity | Dropout, arrays: Arrays, x: Any) -> Any:
    return x


@forward.register
def _(op: Relu, arrays: Arrays, x: Any) -> Any:
    return x.clamp(min=0)


@forward.register
def _(op: LeakyRelu, arrays: Arrays, x: Any) -> Any:
    return x.clamp(min=0) + op.slope * x.clamp(max=0)


@forward.register
def _(op: ClippedRelu, arrays: Arrays, x: Any) -> Any:
    return x.maximum(arrays["lower"]).minimum(arrays["upper"])


@forward.register
def _(op: QuantizedRelu, arrays: Arrays, x: Any) -> Any:
    codes = (x / arrays["step"]).clamp(0, op.levels)
    whole = (codes - 0.5).ceil() if op.rounding == "half-down" else codes.round()
    return (codes + (whole - codes).detach()) * arrays["step"]


@forward.register
def _(op: FakeQuantize, arrays: Arrays, x: Any) -> Any:
    codes = (x / arrays["step"]).clamp(op.lowest, op.highest)
    return (codes + (codes.round() - codes).detach()) * arrays["step"]
