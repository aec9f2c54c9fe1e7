"""Random ops for a shape: how `random_graphs` draws every op of the analog vocabulary.

Each function takes a generator and a shape and returns an op that may or may not fit it, or raises `ShapeError`.
Weights are drawn so that values keep their order of magnitude through many layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from snntk_core.errors import ShapeError
from snntk_core.ops import (
    Array,
    AveragePool,
    BatchNorm,
    BinarySigmoid,
    BinaryTanh,
    ClippedRelu,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Elu,
    FakeQuantize,
    Flatten,
    Gelu,
    GlobalAveragePool,
    GlobalMaxPool,
    HardSigmoid,
    HardSwish,
    Identity,
    Input,
    LeakyRelu,
    LocalResponseNormalization,
    LogSoftmax,
    MaxPool,
    Op,
    Pad,
    PRelu,
    QuantizedRelu,
    Relu,
    Reshape,
    Scale,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Swish,
    Tanh,
    ThresholdRelu,
    Transpose,
    Upsample,
)
from snntk_core.shapes import Padding, Shape

Rng = np.random.Generator
Draw = Callable[[Rng, Shape], Op]


def chosen(rng: Rng, draws: Sequence[Draw]) -> Draw:
    """Return one of several draws."""
    return draws[int(rng.integers(len(draws)))]


def random_input(rng: Rng) -> Input:
    """Return a vector, a sequence or an image, sometimes with its channels first."""
    rank = int(rng.choice([0, 1, 2, 2, 2]))
    shape = (*_integers(rng, 3, 7, rank), int(rng.integers(1, 5)))
    if rank and rng.random() < 0.3:
        return Input((shape[-1], *shape[:-1]), (*range(1, rank + 1), 0))
    return Input(shape)


def dense(rng: Rng, shape: Shape) -> Op:
    """Return a `Dense` with two to six units."""
    units = int(rng.integers(2, 7))
    return Dense(_weight(rng, (shape[-1], units), shape[-1]), _bias(rng, units))


def convolution(rng: Rng, shape: Shape) -> Op:
    """Return a `Conv1D` or `Conv2D` with any stride, padding, dilation and groups."""
    rank = _spatial_rank(shape)
    groups = int(rng.choice([n for n in (1, 1, 2, 3) if shape[-1] % n == 0]))
    units, kernel = groups * int(rng.integers(1, 4)), _integers(rng, 1, 3, rank)
    weight = _weight(rng, (*kernel, shape[-1] // groups, units), prod(kernel) * shape[-1] // groups)
    strides, dilation = _integers(rng, 1, 2, rank), _integers(rng, 1, 2, rank)
    conv = Conv1D if rank == 1 else Conv2D
    return conv(weight, _bias(rng, units), strides, _padding(rng, kernel), dilation, groups)


def pointwise(rng: Rng, shape: Shape) -> Op:
    """Return a convolution with kernel one."""
    rank, units = _spatial_rank(shape), int(rng.integers(1, 7))
    conv = Conv1D if rank == 1 else Conv2D
    return conv(_weight(rng, (*(1,) * rank, shape[-1], units), shape[-1]), _bias(rng, units))


def same_shape(rng: Rng, shape: Shape) -> Op:
    """Return a weighted op that keeps the shape: a padded convolution, or a `Dense` on a vector."""
    channels, rank = shape[-1], len(shape) - 1
    if rank not in (1, 2):
        return Dense(_weight(rng, (channels, channels), channels), _bias(rng, channels))
    weight = _weight(rng, (*(3,) * rank, channels, channels), 3**rank * channels)
    conv = Conv1D if rank == 1 else Conv2D
    return conv(weight, _bias(rng, channels), padding="same")


def depthwise(rng: Rng, shape: Shape) -> Op:
    """Return a `DepthwiseConv2D` with one to three kernels for each channel."""
    kernel, multiplier = _integers(rng, 1, 3, 2), int(rng.integers(1, 4))
    weight = _weight(rng, (*kernel, shape[-1], multiplier), prod(kernel))
    strides, dilation = _integers(rng, 1, 2, 2), _integers(rng, 1, 2, 2)
    return DepthwiseConv2D(weight, _bias(rng, shape[-1] * multiplier), strides, _padding(rng, kernel), dilation)


def transposed(rng: Rng, shape: Shape) -> Op:
    """Return a `ConvTranspose2D` with any crop, stride, dilation, output padding and groups."""
    groups = int(rng.choice([n for n in (1, 1, 2) if shape[-1] % n == 0]))
    units, kernel, strides = groups * int(rng.integers(1, 4)), _integers(rng, 1, 3, 2), _integers(rng, 1, 2, 2)
    weight = _weight(rng, (*kernel, shape[-1] // groups, units), shape[-1] // groups)
    extra = tuple(int(rng.integers(0, s)) for s in strides)
    dilation = _integers(rng, 1, 2, 2)
    return ConvTranspose2D(weight, _bias(rng, units), strides, _padding(rng, kernel), extra, dilation, groups)


def batch_norm(rng: Rng, shape: Shape) -> Op:
    """Return a `BatchNorm`, with scale and offset or without, its factors of any sign."""
    channels = shape[-1]
    scale, offset = (rng.normal(size=channels) if rng.random() < 0.7 else None for _ in range(2))
    return BatchNorm(rng.normal(size=channels), rng.uniform(0.3, 2, size=channels), scale, offset, 1e-3)


def scale(rng: Rng, shape: Shape) -> Op:
    """Return a `Scale` whose arrays are constant, vary by channel, along one axis, or everywhere."""
    factor = rng.choice([-1, 1]) * rng.uniform(0.5, 1.5, size=_broadcastable(rng, shape))
    return Scale(factor, rng.normal(size=_broadcastable(rng, shape)) if rng.random() < 0.6 else None)


def average_pool(rng: Rng, shape: Shape) -> Op:
    """Return an `AveragePool` with any stride, padding and rounding."""
    kernel = _integers(rng, 1, 3, _spatial_rank(shape))
    ceil, count = (bool(flag) for flag in rng.integers(0, 2, size=2))
    return AveragePool(kernel, _integers(rng, 1, 3, len(kernel)), _padding(rng, kernel), ceil, count)


def max_pool(rng: Rng, shape: Shape) -> Op:
    """Return a `MaxPool` with any stride, padding and rounding, or with dilation."""
    kernel = _integers(rng, 1, 3, _spatial_rank(shape))
    strides, ceil = _integers(rng, 1, 3, len(kernel)), bool(rng.integers(0, 2))
    if rng.random() < 0.2:  # a dilated window with padding may meet no data at all, so it gets none
        return MaxPool(kernel, strides, "valid", ceil, _integers(rng, 1, 2, len(kernel)))
    return MaxPool(kernel, strides, _padding(rng, kernel), ceil)


def global_pool(rng: Rng, shape: Shape) -> Op:
    """Return a `GlobalAveragePool` or `GlobalMaxPool`."""
    pool = GlobalAveragePool if rng.random() < 0.5 else GlobalMaxPool
    return pool(keep_axes=bool(rng.integers(0, 2)))


def structure(rng: Rng, shape: Shape) -> Op:
    """Return an op that moves or copies elements, or leaves them as they are."""
    rank = len(shape) - 1
    amounts = tuple((int(before), int(after)) for before, after in rng.integers(-1, 3, size=(rank, 2)))
    options: tuple[Op, ...] = (
        Dropout(),
        Identity(),
        Pad((*amounts, (0, int(rng.random() < 0.2))), float(rng.choice([0, 0, 0.5]))),
        Reshape((shape[0] * shape[-1], prod(shape[1:-1])) if rank else (1, *shape)),
        Transpose(tuple(int(axis) for axis in rng.permutation(len(shape)))),
        Upsample(_integers(rng, 1, 2, rank)),
    )
    return options[int(rng.integers(len(options)))]


def flatten(rng: Rng, shape: Shape) -> Op:
    """Return a `Flatten`; raises `ShapeError` for what is flat."""
    if len(shape) == 1:
        raise ShapeError("A vector is flat.")
    return Flatten()


def activation(rng: Rng, shape: Shape) -> Op:
    """Return a nonlinearity that keeps the shape."""
    channels = shape[-1:]
    options: tuple[Op, ...] = (
        Relu(),
        Relu(),
        ClippedRelu(),
        ClippedRelu(rng.uniform(-1, 0, size=channels), rng.uniform(0.5, 2, size=channels)),
        LeakyRelu(float(rng.uniform(0, 0.5))),
        PRelu(rng.uniform(-0.2, 0.5, size=channels)),
        Elu(),
        Selu(),
        Sigmoid(),
        HardSigmoid(),
        Tanh(),
        Softplus(),
        *(Softsign(), Swish(), HardSwish(), Gelu(bool(rng.integers(2)))),
        LocalResponseNormalization(int(rng.integers(1, 6)), float(rng.uniform(0.1, 2)), 0.75, 1.5),
        *(ThresholdRelu(0.25, 2.0), BinarySigmoid(), BinaryTanh()),
        *(QuantizedRelu(np.full((), 0.25), 7), QuantizedRelu(rng.uniform(0.1, 0.5, size=channels), 3, "half-down")),
        FakeQuantize(rng.uniform(0.1, 0.5, size=channels), -4, 3),
    )
    return options[int(rng.integers(len(options)))]


def rectifier(rng: Rng, shape: Shape) -> Op:
    """Return a `Relu`, or a `ClippedRelu` from zero to a scalar."""
    return Relu() if rng.random() < 0.7 else ClippedRelu(np.zeros(()), rng.uniform(0.5, 2, size=()))


def classifier(rng: Rng, shape: Shape) -> Op:
    """Return a last nonlinearity, or none."""
    return (Identity(), Softmax(), LogSoftmax(), Softmax(0), Sigmoid(), Tanh())[int(rng.integers(6))]


def _spatial_rank(shape: Shape) -> int:
    if len(shape) not in (2, 3):
        raise ShapeError(f"Windows need one or two spatial axes, got shape {shape}.")
    return len(shape) - 1


def _integers(rng: Rng, low: int, high: int, count: int) -> Shape:
    return tuple(int(n) for n in rng.integers(low, high + 1, size=count))


def _weight(rng: Rng, shape: Shape, fan_in: int) -> Array:
    return np.asarray(rng.normal(size=shape) / np.sqrt(max(fan_in, 1)))


def _bias(rng: Rng, units: int) -> Array | None:
    return rng.normal(scale=0.3, size=units) if rng.random() < 0.6 else None


def _padding(rng: Rng, kernel: Shape) -> Padding:
    pairs = tuple((int(rng.integers(0, k)), int(rng.integers(0, k))) for k in kernel)
    options: tuple[Padding, ...] = ("valid", "same", "same-lower", pairs)
    return options[int(rng.integers(len(options)))]


def _broadcastable(rng: Rng, shape: Shape) -> Shape:
    options: tuple[Shape, ...] = ((), shape[-1:], shape, (shape[0], *(1,) * (len(shape) - 1)))
    return options[int(rng.integers(len(options)))]
