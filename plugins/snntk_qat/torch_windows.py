"""Convolutions and pools in torch, on values with the channels last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snntk_core import AveragePool, Conv1D, Conv2D, ConvTranspose2D, DepthwiseConv2D, MaxPool
from snntk_core.shapes import Pairs, Shape, resolve_padding, transposed_padding, window_counts
from snntk_qat.torch_ops import Arrays, biased, computed, padded

if TYPE_CHECKING:
    from torch import Tensor


def _first(x: Tensor) -> Tensor:
    return x.movedim(-1, 1)


def _last(x: Tensor) -> Tensor:
    return x.movedim(1, -1)


def _convolved(op: Any, x: Tensor, kernel: Tensor, groups: int, arrays: Arrays) -> Tensor:
    """``kernel``: (out, in / groups, spatial...)."""
    from torch.nn import functional

    rank = kernel.ndim - 2
    strides, dilation = op.strides or (1,) * rank, op.dilation or (1,) * rank
    pads = resolve_padding(op.padding, tuple(x.shape[1:-1]), tuple(kernel.shape[2:]), strides, dilation)
    convolve = functional.conv2d if rank == 2 else functional.conv1d
    y = convolve(padded(_first(x), pads), kernel, None, strides, 0, dilation, groups)
    return biased(_last(y), arrays)


@computed.register(Conv1D)
@computed.register(Conv2D)
def _(op: Any, arrays: Arrays, x: Tensor) -> Tensor:
    return _convolved(op, x, arrays["weight"].movedim(-2, 0).movedim(-1, 0), op.groups, arrays)


@computed.register(DepthwiseConv2D)
def _(op: DepthwiseConv2D, arrays: Arrays, x: Tensor) -> Tensor:
    height, width, channels, multiplier = arrays["weight"].shape
    kernel = arrays["weight"].permute(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _convolved(op, x, kernel, channels, arrays)


@computed.register(ConvTranspose2D)
def _(op: ConvTranspose2D, arrays: Arrays, x: Tensor) -> Tensor:
    from torch.nn import functional

    height, width, inner, out = arrays["weight"].shape
    parts = arrays["weight"].reshape(height, width, inner, op.groups, out // op.groups)
    kernel = parts.permute(3, 2, 4, 0, 1).reshape(op.groups * inner, out // op.groups, height, width)
    strides, dilation = op.strides or (1, 1), op.dilation or (1, 1)
    crops = transposed_padding(op.padding, (height, width), strides, dilation, op.output_padding)
    full = functional.conv_transpose2d(_first(x), kernel, None, strides, 0, 0, op.groups, dilation)
    kept = tuple((-before, more - after) for (before, after), more in zip(crops, op.output_padding, strict=True))
    return biased(_last(padded(full, kept)), arrays)


def _windows(op: MaxPool | AveragePool, x: Tensor) -> tuple[Tensor, Shape, Shape, Shape, Pairs, Pairs]:
    """``x`` channels first with two spatial axes, kernel, strides, dilation, padding, and what the end lacks.

    One spatial axis becomes two, the first of length one.
    """
    kernel, strides = op.kernel, op.strides or op.kernel
    dilation = (op.dilation if isinstance(op, MaxPool) else ()) or (1,) * len(kernel)
    lengths = tuple(x.shape[1:-1])
    pads = resolve_padding(op.padding, lengths, kernel, strides, dilation)
    counts = window_counts(lengths, kernel, strides, pads, dilation, ceil=op.ceil_mode)
    ends = []
    for n, count, k, s, d, (before, after) in zip(lengths, counts, kernel, strides, dilation, pads, strict=True):
        ends.append((0, (count - 1) * s + d * (k - 1) + 1 - n - before - after))
    x = _first(x)
    if len(kernel) == 1:
        one: Pairs = ((0, 0),)
        return x[:, :, None], (1, *kernel), (1, *strides), (1, *dilation), (*one, *pads), (*one, *ends)
    return x, kernel, strides, dilation, pads, tuple(ends)


@computed.register(MaxPool)
def _(op: MaxPool, arrays: Arrays, x: Tensor) -> Tensor:
    from torch.nn import functional

    value, kernel, strides, dilation, pads, ends = _windows(op, x)
    value = padded(padded(value, pads, float("-inf")), ends, float("-inf"))
    y = _last(functional.max_pool2d(value, kernel, strides, 0, dilation))
    return y if len(op.kernel) == 2 else y[:, 0]


@computed.register(AveragePool)
def _(op: AveragePool, arrays: Arrays, x: Tensor) -> Tensor:
    from torch.nn import functional

    value, kernel, strides, _, pads, ends = _windows(op, x)
    count = padded(value.new_ones(1, 1, *value.shape[2:]), pads, float(op.count_include_pad))
    total = functional.avg_pool2d(padded(padded(value, pads), ends), kernel, strides)
    y = _last(total / functional.avg_pool2d(padded(count, ends), kernel, strides))
    return y if len(op.kernel) == 2 else y[:, 0]
