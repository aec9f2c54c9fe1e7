"""Linear ops as functions of tensors (samples, *shape), channels last; what a function needs is made ready once.

A convolution sees its input with the axes permuted and the memory as it is, which torch calls channels last.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce, singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from snntk_core import (
    Add,
    Array,
    AveragePool,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Identity,
    Op,
    Pad,
    Reshape,
    Scale,
    Subtract,
    Transpose,
    Upsample,
)
from snntk_core.shapes import Pairs, Shape, resolve_padding, transposed_padding
from snntk_torchsim.device import tensor
from snntk_torchsim.windows import average_divisors, pool_reach, two_axes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Function = Callable[..., Any]
"""From tensors (samples, *shape of each input) to one (samples, *shape of the output)."""


@singledispatch
def prepared(op: Op, shape: Shape, device: torch.device) -> Function:
    """Return the function of a linear op whose first input has ``shape``, with its arrays on ``device``."""
    raise TypeError(f"{type(op).__name__} is no linear op of this simulator")


def image(x: Tensor) -> Tensor:
    """Return (samples, spatial..., channels) as (samples, channels, rows, columns), a view where memory allows it.

    One channel is first and last at once, and torch 2.13 computes some convolutions wrongly where the strides say last.
    """
    rows = x if x.ndim == 4 else x.unsqueeze(1)
    if rows.shape[-1] == 1:
        return rows.reshape(len(rows), 1, *rows.shape[1:3])
    return rows.permute(0, 3, 1, 2)


def unimage(y: Tensor, rank: int) -> Tensor:
    """Return (samples, channels, rows, columns) as (samples, spatial..., channels) with ``rank`` spatial axes."""
    y = y.permute(0, 2, 3, 1).contiguous()
    return y if rank == 2 else y.squeeze(1)


def padded(x: Tensor, pads: Pairs, value: float = 0.0) -> Tensor:
    """Return an image with its rows and columns padded."""
    from torch.nn.functional import pad

    (top, bottom), (left, right) = pads
    return pad(x, (left, right, top, bottom), value=value) if any((top, bottom, left, right)) else x


def _bias(bias: Array | None, device: torch.device) -> Tensor | None:
    return None if bias is None else tensor(bias, device)


@prepared.register(Dense)
def _(op: Dense, shape: Shape, device: torch.device) -> Function:
    return _product(op.weight, op.bias, device)


def _product(weight: Array, bias: Array | None, device: torch.device) -> Function:
    """``x @ weight + bias`` on the last axis; ``weight``: (in, out)."""
    from torch.nn.functional import linear

    matrix, offset = tensor(weight.T, device), _bias(bias, device)
    return lambda x: linear(x, matrix, offset)


@prepared.register(Conv1D)
@prepared.register(Conv2D)
@prepared.register(DepthwiseConv2D)
def _(op: Conv1D | Conv2D | DepthwiseConv2D, shape: Shape, device: torch.device) -> Function:
    rank = len(shape) - 1
    kernel, groups = op.weight.shape[:rank], shape[-1] if isinstance(op, DepthwiseConv2D) else op.groups
    strides, dilation = op.strides or (1,) * rank, op.dilation or (1,) * rank
    pads = resolve_padding(op.padding, shape[:-1], kernel, strides, dilation)
    if groups == 1 and kernel == shape[:-1] and not any(map(any, pads)):  # one window: a product is faster
        return _one_window(op.weight, op.bias, rank, device)
    if isinstance(op, DepthwiseConv2D):
        weight = op.weight.reshape(*kernel, 1, op.units)
    else:
        weight = op.weight.reshape(*two_axes(kernel), *op.weight.shape[-2:])
    pads = ((0, 0),) * (2 - rank) + pads
    return _convolution(weight, op.bias, two_axes(strides), pads, two_axes(dilation), groups, rank, device)


def _one_window(weight: Array, bias: Array | None, rank: int, device: torch.device) -> Function:
    function = _product(weight.reshape(-1, weight.shape[-1]), bias, device)
    return lambda x: function(x.reshape(len(x), *(1,) * rank, -1))


def _convolution(
    weight: Array, bias: Array | None, strides: Shape, pads: Pairs, dilation: Shape, groups: int, rank: int,
    device: torch.device,
) -> Function:  # fmt: skip
    """``weight``: (kernel height, kernel width, in / groups, out)."""
    import torch
    from torch.nn.functional import conv2d

    kernels = tensor(weight.transpose(3, 2, 0, 1), device).contiguous(memory_format=torch.channels_last)
    offset = _bias(bias, device)
    even = all(before == after for before, after in pads)
    inner, outer = ([before for before, _ in pads], ((0, 0), (0, 0))) if even else ([0, 0], pads)
    return lambda x: unimage(conv2d(padded(image(x), outer), kernels, offset, strides, inner, dilation, groups), rank)


@prepared.register(ConvTranspose2D)
def _(op: ConvTranspose2D, shape: Shape, device: torch.device) -> Function:
    from torch.nn.functional import conv_transpose2d

    kernel, strides, dilation = op.weight.shape[:2], op.strides or (1, 1), op.dilation or (1, 1)
    crops = transposed_padding(op.padding, kernel, strides, dilation, op.output_padding)
    change = tuple((-before, extra - after) for (before, after), extra in zip(crops, op.output_padding, strict=True))
    by_group = np.split(op.weight.transpose(2, 3, 0, 1), op.groups, axis=1)
    kernels, offset = tensor(np.concatenate(by_group), device), _bias(op.bias, device)

    def function(x: Tensor) -> Tensor:
        full = conv_transpose2d(image(x), kernels, None, strides, groups=op.groups, dilation=dilation)
        y = unimage(padded(full, change), 2)
        return y if offset is None else y + offset

    return function


@prepared.register(AveragePool)
def _(op: AveragePool, shape: Shape, device: torch.device) -> Function:
    from torch.nn.functional import avg_pool2d

    rank, reach, divisors = len(op.kernel), pool_reach(op, shape), average_divisors(op, shape)
    kernel, strides = two_axes(op.kernel), two_axes(op.strides or op.kernel)
    even = bool((divisors == divisors.flat[0]).all())
    divisor = int(divisors.flat[0]) if even else 1

    def function(x: Tensor) -> Tensor:
        return unimage(avg_pool2d(padded(image(x), reach), kernel, strides, divisor_override=divisor), rank)

    if even:
        return function
    spread = tensor(divisors if rank == 2 else divisors[0], device)
    return lambda x: function(x).div_(spread)


@prepared.register(GlobalAveragePool)
def _(op: GlobalAveragePool, shape: Shape, device: torch.device) -> Function:
    axes, count = tuple(range(1, len(shape))), float(np.prod(shape[:-1]))
    return lambda x: x.sum(axes, keepdim=op.keep_axes) / count


@prepared.register(Upsample)
def _(op: Upsample, shape: Shape, device: torch.device) -> Function:
    return lambda x: reduce(lambda y, item: y.repeat_interleave(item[1], item[0] + 1), enumerate(op.factors), x)


@prepared.register(Pad)
def _(op: Pad, shape: Shape, device: torch.device) -> Function:
    from torch.nn.functional import pad

    amounts = [amount for pair in reversed(op.amounts) for amount in pair]
    return lambda x: pad(x, amounts, value=op.value)


@prepared.register(Flatten)
def _(op: Flatten, shape: Shape, device: torch.device) -> Function:
    return lambda x: x.reshape(len(x), -1)


@prepared.register(Reshape)
def _(op: Reshape, shape: Shape, device: torch.device) -> Function:
    return lambda x: x.reshape(len(x), *op.shape)


@prepared.register(Transpose)
def _(op: Transpose, shape: Shape, device: torch.device) -> Function:
    return lambda x: x.permute(0, *(axis + 1 for axis in op.order))


@prepared.register(Scale)
def _(op: Scale, shape: Shape, device: torch.device) -> Function:
    factor, offset = tensor(op.factor, device), _bias(op.offset, device)
    return lambda x: x * factor if offset is None else (x * factor).add_(offset)


@prepared.register(Add)
def _(op: Add, shape: Shape, device: torch.device) -> Function:
    return lambda *xs: reduce(lambda x, y: x + y, xs)


@prepared.register(Subtract)
def _(op: Subtract, shape: Shape, device: torch.device) -> Function:
    return lambda x, y: x - y


@prepared.register(Concat)
def _(op: Concat, shape: Shape, device: torch.device) -> Function:
    import torch

    axis = op.axis if op.axis < 0 else op.axis + 1
    return lambda *xs: torch.cat(xs, axis)


@prepared.register(Identity)
def _(op: Identity, shape: Shape, device: torch.device) -> Function:
    return lambda x: x
