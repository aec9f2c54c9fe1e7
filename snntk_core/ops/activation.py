"""The activations of an analog network, element by element but for the softmaxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from snntk_core.errors import ShapeError
from snntk_core.ops.base import ActivationOp, Array, array_field
from snntk_core.shapes import Shape, broadcast_fits


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
    """``y = scale * log(1 + exp(x / scale))``; with ``scale = k * sigma`` the noisy softplus."""

    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Softsign(ActivationOp):
    """``y = x / (1 + abs(x))``."""


@dataclass(frozen=True, eq=False)
class Swish(ActivationOp):
    """``y = x / (1 + exp(-beta * x))``; SiLU with ``beta = 1``."""

    beta: float = 1.0


@dataclass(frozen=True, eq=False)
class HardSwish(ActivationOp):
    """``y = x * min(max(x + 3, 0), 6) / 6``."""


@dataclass(frozen=True, eq=False)
class Gelu(ActivationOp):
    """``y = x * Phi(x)``, ``Phi`` the normal distribution; ``approximate``: ``Phi`` by tanh of ``x + 0.044715 x^3``."""

    approximate: bool = False


@dataclass(frozen=True, eq=False)
class ThresholdRelu(ActivationOp):
    """``y = 0`` where ``x < threshold``, else ``min(x, upper)``; snn_toolbox's ``clamped_relu_t_m``."""

    threshold: float = 1.0
    upper: float | None = None


Rounding = Literal["half-even", "half-down"]
"""What becomes of a value just between two steps: the even code, or the lower one."""


@dataclass(frozen=True, eq=False)
class QuantizedRelu(ActivationOp):
    """``y = step * min(max(round(x / step), 0), levels)``; ``relu_Qm.f`` with ``step = 2^-f``.

    ``step``: a scalar, or one for each channel.  With ``rounding="half-down"`` it is
    ``y = step * min(max(ceil((x - step / 2) / step), 0), levels)``: the output rises where ``x`` is strictly above half
    a step, as in cnn2snn.
    """

    step: Array = array_field(1.0)
    levels: int = 15
    rounding: Rounding = "half-even"

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        _check_steps("QuantizedRelu", self.step, shapes[0])
        if self.levels < 1 or self.rounding not in get_args(Rounding):
            raise ShapeError(
                f"QuantizedRelu takes 1 or more levels and rounding {' or '.join(map(repr, get_args(Rounding)))}, "
                f"got {self.levels} and {self.rounding!r}."
            )
        return shapes[0]


@dataclass(frozen=True, eq=False)
class FakeQuantize(ActivationOp):
    """``y = step * min(max(round_half_even(x / step), lowest), highest)``: values of an integer format, as floats.

    ``step``: a scalar, or one for each channel.
    """

    step: Array = array_field(1.0)
    lowest: int = -127
    highest: int = 127

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        _check_steps("FakeQuantize", self.step, shapes[0])
        if not self.lowest <= 0 <= self.highest:
            raise ShapeError(f"FakeQuantize takes codes around zero, got {self.lowest} to {self.highest}.")
        return shapes[0]


def _check_steps(op: str, step: Array, shape: Shape) -> None:
    if not broadcast_fits(step.shape, shape):
        raise ShapeError(f"{op} has a step of shape {step.shape} for shape {shape}.")
    if not np.all((step > 0) & np.isfinite(step)):
        raise ShapeError(f"{op} takes steps above zero.")


@dataclass(frozen=True, eq=False)
class BinarySigmoid(ActivationOp):
    """``y = 1`` where ``x > 0``, else ``0``: ``round_half_even(clip((x + 1) / 2, 0, 1))``."""


@dataclass(frozen=True, eq=False)
class BinaryTanh(ActivationOp):
    """``y = 1`` where ``x > 0``, else ``-1``: ``2 * round_half_even(clip((x + 1) / 2, 0, 1)) - 1``."""


def _with_axis(shape: Shape, axis: int, op: str) -> Shape:
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(f"{op} along axis {axis} cannot take shape {shape}.")
    return shape


@dataclass(frozen=True, eq=False)
class Softmax(ActivationOp):
    """``y = exp(x) / sum(exp(x))`` along ``axis`` (of the shape without batch)."""

    axis: int = -1

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        return _with_axis(shapes[0], self.axis, "Softmax")


@dataclass(frozen=True, eq=False)
class LogSoftmax(ActivationOp):
    """``y = x - log(sum(exp(x)))`` along ``axis`` (of the shape without batch)."""

    axis: int = -1

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        return _with_axis(shapes[0], self.axis, "LogSoftmax")
