"""Ops of an analog network only: normalization, maximum, product and dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core.errors import ShapeError
from snntk_core.ops.base import AnalogOp, Array, array_field
from snntk_core.ops.structure import pooled
from snntk_core.shapes import Padding, Shape, check_sizes


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
class LocalResponseNormalization(AnalogOp):
    """``y = x / (bias + alpha / size * sum(x^2)) ** beta``, the sum over ``size`` neighboring channels (last axis).

    The window of channel ``c`` is ``c - (size - 1) // 2`` to ``c + size // 2``; there are zeros beyond the ends.
    Source: Krizhevsky 2012, with the mean that Caffe and ONNX made of the sum.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        (shape,) = shapes
        check_sizes("LocalResponseNormalization", 1, size=(self.size,))
        if not shape or self.alpha < 0 or self.bias <= 0:
            numbers = f"alpha {self.alpha:g} and bias {self.bias:g}"
            raise ShapeError(
                f"LocalResponseNormalization divides by a power of what is above zero, got {numbers} for shape {shape}."
            )
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
class Multiply(AnalogOp):
    """The product of two inputs of one shape; axes of length one are repeated (a gate for each channel)."""

    arity: ClassVar[int | None] = 2

    def infer(self, *shapes: Shape) -> Shape:
        """Return the longer of each pair of lengths."""
        first, second = shapes
        if len(first) != len(second) or any(a != b and 1 not in (a, b) for a, b in zip(first, second, strict=True)):
            raise ShapeError(f"Multiply takes equal shapes, got {first} and {second}.")
        return tuple(map(max, first, second))
