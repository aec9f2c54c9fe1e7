"""Reference semantics of the linear ops."""

from __future__ import annotations

from functools import reduce

import numpy as np

from snntk_core.ops import (
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
    Input,
    Pad,
    Reshape,
    Scale,
    Subtract,
    Transpose,
    Upsample,
)
from snntk_core.ops.base import WeightedOp
from snntk_core.reference.dispatch import apply
from snntk_core.reference.windows import (
    convolve,
    convolve_depthwise,
    convolve_transposed,
    pool_average,
    window_of,
)
from snntk_core.shapes import resolve_padding, transposed_padding


def _biased(op: WeightedOp, y: Array) -> Array:
    bias = op.arrays.get("bias")
    return y if bias is None else y + bias.astype(y.dtype, copy=False)


@apply.register
def _(op: Input, x: Array) -> Array:
    return x.transpose(0, *(axis + 1 for axis in op.order)) if op.order else x


@apply.register
def _(op: Dense, x: Array) -> Array:
    return _biased(op, x @ op.weight.astype(x.dtype, copy=False))


@apply.register
def _(op: Conv2D, x: Array) -> Array:
    kernel, strides, dilation = window_of(op.weight.shape[:2], op.strides, op.dilation)
    pads = resolve_padding(op.padding, x.shape[1:3], kernel, strides, dilation)
    return _biased(op, convolve(x, op.weight.astype(x.dtype, copy=False), strides, pads, dilation, op.groups))


@apply.register
def _(op: Conv1D, x: Array) -> Array:
    _, strides, dilation = window_of(op.weight.shape[:1], op.strides, op.dilation)
    pads = resolve_padding(op.padding, x.shape[1:2], op.weight.shape[:1], strides[1:], dilation[1:])
    weight = op.weight.astype(x.dtype, copy=False)[None]
    return _biased(op, convolve(x[:, None], weight, strides, ((0, 0), *pads), dilation, op.groups)[:, 0])


@apply.register
def _(op: DepthwiseConv2D, x: Array) -> Array:
    kernel, strides, dilation = window_of(op.weight.shape[:2], op.strides, op.dilation)
    pads = resolve_padding(op.padding, x.shape[1:3], kernel, strides, dilation)
    return _biased(op, convolve_depthwise(x, op.weight.astype(x.dtype, copy=False), strides, pads, dilation))


@apply.register
def _(op: ConvTranspose2D, x: Array) -> Array:
    kernel, strides, dilation = window_of(op.weight.shape[:2], op.strides, op.dilation)
    crops = transposed_padding(op.padding, kernel, strides, dilation, op.output_padding)
    weight = op.weight.astype(x.dtype, copy=False)
    return _biased(op, convolve_transposed(x, weight, strides, crops, dilation, op.output_padding, op.groups))


@apply.register
def _(op: AveragePool, x: Array) -> Array:
    rank = len(op.kernel)
    kernel, strides, ones = window_of(op.kernel, op.strides or op.kernel, ())
    pads = resolve_padding(op.padding, x.shape[1 : 1 + rank], op.kernel, strides[2 - rank :], ones[:rank])
    if rank == 1:
        pads, x = ((0, 0), *pads), x[:, None]
    y = pool_average(x, kernel, strides, pads, op.ceil_mode, op.count_include_pad)
    return y[:, 0] if rank == 1 else y


@apply.register
def _(op: GlobalAveragePool, x: Array) -> Array:
    return np.asarray(x.mean(axis=tuple(range(1, x.ndim - 1)), keepdims=op.keep_axes))


@apply.register
def _(op: Upsample, x: Array) -> Array:
    return reduce(lambda y, item: y.repeat(item[1], axis=item[0] + 1), enumerate(op.factors), x)


@apply.register
def _(op: Pad, x: Array) -> Array:
    cut = tuple(
        slice(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(x.shape[1:], op.amounts, strict=True)
    )
    grow = tuple((max(before, 0), max(after, 0)) for before, after in op.amounts)
    return np.pad(x[(slice(None), *cut)], ((0, 0), *grow), constant_values=op.value)


@apply.register
def _(op: Flatten, x: Array) -> Array:
    return x.reshape(len(x), -1)


@apply.register
def _(op: Reshape, x: Array) -> Array:
    return x.reshape(len(x), *op.shape)


@apply.register
def _(op: Transpose, x: Array) -> Array:
    return x.transpose(0, *(axis + 1 for axis in op.order))


@apply.register
def _(op: Scale, x: Array) -> Array:
    y = x * op.factor.astype(x.dtype, copy=False)
    return np.asarray(y if op.offset is None else y + op.offset.astype(x.dtype, copy=False))


@apply.register
def _(op: Add, *xs: Array) -> Array:
    return np.asarray(reduce(np.add, xs))


@apply.register
def _(op: Subtract, x: Array, y: Array) -> Array:
    return x - y


@apply.register
def _(op: Concat, *xs: Array) -> Array:
    return np.concatenate(xs, axis=op.axis if op.axis < 0 else op.axis + 1)


@apply.register
def _(op: Identity, x: Array) -> Array:
    return x
