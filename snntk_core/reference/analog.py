"""Reference semantics of the analog ops."""

from __future__ import annotations

import math

import numpy as np

from snntk_core.ops import (
    Array,
    BatchNorm,
    BinarySigmoid,
    BinaryTanh,
    ClippedRelu,
    Dropout,
    Elu,
    FakeQuantize,
    Gelu,
    GlobalMaxPool,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    LocalResponseNormalization,
    LogSoftmax,
    MaxPool,
    Multiply,
    PRelu,
    QuantizedRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Swish,
    Tanh,
    ThresholdRelu,
)
from snntk_core.reference.dispatch import apply
from snntk_core.reference.windows import pool_maximum, window_of
from snntk_core.shapes import Padding, Shape, resolve_padding


def max_pool(x: Array, kernel: Shape, strides: Shape, padding: Padding, ceil: bool, dilation: Shape) -> Array:
    """The largest of each window over one or two spatial axes; x: (batch, spatial..., channels)."""
    rank = len(kernel)
    window, steps, spread = window_of(kernel, strides or kernel, dilation)
    pads = resolve_padding(padding, x.shape[1 : 1 + rank], kernel, steps[2 - rank :], spread[2 - rank :])
    if rank == 1:
        return pool_maximum(x[:, None], window, steps, ((0, 0), *pads), spread, ceil)[:, 0]
    return pool_maximum(x, window, steps, pads, spread, ceil)


def softmax(x: Array, axis: int = -1) -> Array:
    """``exp(x) / sum(exp(x))`` along an axis, without overflow."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def log_softmax(x: Array, axis: int = -1) -> Array:
    """``x - log(sum(exp(x)))`` along an axis, without overflow."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)))


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))``, without overflow."""
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + e), e / (1 + e)), x.dtype)


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _axis(axis: int) -> int:
    return axis if axis < 0 else axis + 1


@apply.register
def _(op: BatchNorm, x: Array) -> Array:
    factor = 1 / np.sqrt(op.variance.astype(np.float64) + op.epsilon)
    if op.scale is not None:
        factor = factor * op.scale
    offset = -op.mean * factor
    if op.offset is not None:
        offset = offset + op.offset
    return np.asarray(x * factor.astype(x.dtype) + offset.astype(x.dtype))


@apply.register
def _(op: LocalResponseNormalization, x: Array) -> Array:
    channels, before = x.shape[-1], (op.size - 1) // 2
    squares = np.square(x, dtype=np.float64)
    total = np.zeros_like(squares)
    for step in range(max(-before, 1 - channels), min(op.size // 2, channels - 1) + 1):
        total[..., max(-step, 0) : channels - max(step, 0)] += squares[..., max(step, 0) : channels + min(step, 0)]
    return np.asarray(x / (op.bias + op.alpha / op.size * total) ** op.beta, x.dtype)


@apply.register
def _(op: MaxPool, x: Array) -> Array:
    return max_pool(x, op.kernel, op.strides, op.padding, op.ceil_mode, op.dilation)


@apply.register
def _(op: GlobalMaxPool, x: Array) -> Array:
    return np.asarray(x.max(axis=tuple(range(1, x.ndim - 1)), keepdims=op.keep_axes))


@apply.register
def _(op: Dropout, x: Array) -> Array:
    return x


@apply.register
def _(op: Relu, x: Array) -> Array:
    return np.asarray(np.maximum(x, 0))


@apply.register
def _(op: ClippedRelu, x: Array) -> Array:
    return np.asarray(np.minimum(np.maximum(x, op.lower.astype(x.dtype)), op.upper.astype(x.dtype)))


@apply.register
def _(op: LeakyRelu, x: Array) -> Array:
    return np.where(x > 0, x, op.slope * x).astype(x.dtype, copy=False)


@apply.register
def _(op: PRelu, x: Array) -> Array:
    return np.where(x > 0, x, op.slope.astype(x.dtype) * x)


@apply.register
def _(op: Elu, x: Array) -> Array:
    return np.where(x > 0, x, op.alpha * np.expm1(np.minimum(x, 0))).astype(x.dtype, copy=False)


@apply.register
def _(op: Selu, x: Array) -> Array:
    return (op.gamma * np.where(x > 0, x, op.alpha * np.expm1(np.minimum(x, 0)))).astype(x.dtype, copy=False)


@apply.register
def _(op: Sigmoid, x: Array) -> Array:
    return sigmoid(x)


@apply.register
def _(op: HardSigmoid, x: Array) -> Array:
    return np.clip(op.alpha * x + op.beta, 0, 1).astype(x.dtype, copy=False)


@apply.register
def _(op: Tanh, x: Array) -> Array:
    return np.tanh(x)


@apply.register
def _(op: Softplus, x: Array) -> Array:
    scale = x.dtype.type(op.scale)
    return np.asarray(scale * np.logaddexp(x / scale, 0), x.dtype)


@apply.register
def _(op: Multiply, x: Array, y: Array) -> Array:
    return x * y


@apply.register
def _(op: Softsign, x: Array) -> Array:
    return np.asarray(x / (1 + np.abs(x)))


@apply.register
def _(op: Swish, x: Array) -> Array:
    return x * sigmoid(x * x.dtype.type(op.beta))


@apply.register
def _(op: HardSwish, x: Array) -> Array:
    return np.asarray(x * np.clip(x + 3, 0, 6) / 6, x.dtype)


@apply.register
def _(op: Gelu, x: Array) -> Array:
    wide = x.astype(np.float64)
    if op.approximate:
        phi = 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))
    else:
        phi = 0.5 * (1 + _erf(wide / np.sqrt(2)))
    return np.asarray(wide * phi, x.dtype)


@apply.register
def _(op: ThresholdRelu, x: Array) -> Array:
    clipped = x if op.upper is None else np.minimum(x, x.dtype.type(op.upper))
    return np.where(x < op.threshold, x.dtype.type(0), clipped)


@apply.register
def _(op: QuantizedRelu, x: Array) -> Array:
    step = op.step.astype(x.dtype)
    codes = np.ceil((x - step / 2) / step) if op.rounding == "half-down" else np.rint(x / step)
    return np.asarray(step * np.clip(codes, 0, op.levels), x.dtype)


@apply.register
def _(op: FakeQuantize, x: Array) -> Array:
    step = op.step.astype(x.dtype)
    return np.asarray(step * np.clip(np.rint(x / step), op.lowest, op.highest), x.dtype)


@apply.register
def _(op: BinarySigmoid, x: Array) -> Array:
    return (x > 0).astype(x.dtype)


@apply.register
def _(op: BinaryTanh, x: Array) -> Array:
    return np.where(x > 0, x.dtype.type(1), x.dtype.type(-1))


@apply.register
def _(op: Softmax, x: Array) -> Array:
    return softmax(x, _axis(op.axis))


@apply.register
def _(op: LogSoftmax, x: Array) -> Array:
    return log_softmax(x, _axis(op.axis))
