"""Ops of an analog network only: normalization, maximum, dropout and every activation."""

from __future__ import annotations

from dataclasses import dataclass

from snntk_core.errors import ShapeError
from snntk_core.ops.base import ActivationOp, AnalogOp, Array, array_field
from snntk_core.ops.structure import pooled
from snntk_core.shapes import Padding, Shape, broadcast_fits


@dataclass(frozen=True, eq=False)
class BatchNorm(AnalogOp):
    """``y = scale * (x - mean) / sqrt(variance + epsilon) + offset`` on the last axis.

    ``mean``, ``variance``: (channels,).  ``scale``, ``offset``: (channels,) or None for one and zero.
    """

    mean: Array = array_field()
    variance: Array = array_field()
    scale: Array | None = array_field(None)
    offset: Array | None = array_field(None)
    epsilon: float = 1e-5

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        (shape,) = shapes
        for name, array in self.arrays.items():
            if array.shape != shape[-1:]:
                raise ShapeError(f"BatchNorm has a {name} of shape {array.shape} for shape {shape}.")
        return shape


@dataclass(frozen=True, eq=False)
class MaxPool(AnalogOp):
    """The largest of each window, over one or two spatial axes; padding never wins.  Empty ``strides``: the kernel."""

    kernel: Shape
    strides: Shape = ()
    padding: Padding = "valid"
    ceil_mode: bool = False
    dilation: Shape = ()

    def infer(self, *shapes: Shape) -> Shape:
        """One output for each window."""
        return pooled(shapes[0], self.kernel, self.strides, self.padding, self.ceil_mode, "MaxPool", self.dilation)


@dataclass(frozen=True, eq=False)
class GlobalMaxPool(AnalogOp):
    """The largest over all spatial axes; ``keep_axes`` leaves them with length one."""

    keep_axes: bool = False

    def infer(self, *shapes: Shape) -> Shape:
        """Return the channels, with ones before them if kept."""
        (shape,) = shapes
        if len(shape) < 2:
            raise ShapeError(f"GlobalMaxPool needs a spatial axis, got shape {shape}.")
        return (1,) * (len(shape) - 1) * self.keep_axes + shape[-1:]


@dataclass(frozen=True, eq=False)
class Dropout(AnalogOp):
    """The input itself: dropout acts in training only.  ``rate`` is kept for the record."""

    rate: float = 0.5

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        return shapes[0]


@dataclass(frozen=True, eq=False)
class Relu(ActivationOp):
    """``y = max(x, 0)``."""


@dataclass(frozen=True, eq=False)
class ClippedRelu(ActivationOp):
    """``y = min(max(x, lower), upper)``; relu6 with the defaults.  Bounds: scalar or one for each channel."""

    lower: Array = array_field(0.0)
    upper: Array = array_field(6.0)

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        for name, array in self.arrays.items():
            if not broadcast_fits(array.shape, shapes[0]):
                raise ShapeError(f"ClippedRelu has a {name} of shape {array.shape} for shape {shapes[0]}.")
        return shapes[0]


@dataclass(frozen=True, eq=False)
class LeakyRelu(ActivationOp):
    """``y = x`` where ``x > 0``, else ``slope * x``."""

    slope: float = 0.01


@dataclass(frozen=True, eq=False)
class PRelu(ActivationOp):
    """``y = x`` where ``x > 0``, else ``slope * x``; ``slope`` broadcasts onto the shape."""

    slope: Array = array_field()

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        if not broadcast_fits(self.slope.shape, shapes[0]):
            raise ShapeError(f"PRelu has a slope of shape {self.slope.shape} for shape {shapes[0]}.")
        return shapes[0]


@dataclass(frozen=True, eq=False)
class Elu(ActivationOp):
    """``y = x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``."""

    alpha: float = 1.0


@dataclass(frozen=True, eq=False)
class Selu(ActivationOp):
    """``y = gamma * x`` where ``x > 0``, else ``gamma * alpha * (exp(x) - 1)``."""

    alpha: float = 1.6732632423543772
    gamma: float = 1.0507009873554805


@dataclass(frozen=True, eq=False)
class Sigmoid(ActivationOp):
    """``y = 1 / (1 + exp(-x))``."""


@dataclass(frozen=True, eq=False)
class HardSigmoid(ActivationOp):
    """``y = min(max(alpha * x + beta, 0), 1)``."""

    alpha: float = 0.2
    beta: float = 0.5


@dataclass(frozen=True, eq=False)
class Tanh(ActivationOp):
    """``y = tanh(x)``."""


@dataclass(frozen=True, eq=False)
class Softplus(ActivationOp):
    """``y = log(1 + exp(x))``."""


@dataclass(frozen=True, eq=False)
class Softmax(ActivationOp):
    """``y = exp(x) / sum(exp(x))`` along ``axis`` (of the shape without batch)."""

    axis: int = -1


@dataclass(frozen=True, eq=False)
class LogSoftmax(ActivationOp):
    """``y = x - log(sum(exp(x)))`` along ``axis`` (of the shape without batch)."""

    axis: int = -1
