"""Ops with synapses: Dense and the convolutions.  Weights are (in, out) and (kernel..., in, out)."""

from __future__ import annotations

from dataclasses import dataclass

from snntk_core.errors import ShapeError
from snntk_core.ops.base import Array, WeightedOp, array_field
from snntk_core.shapes import (
    Padding,
    Shape,
    check_sizes,
    resolve_padding,
    spatial,
    transposed_lengths,
    transposed_padding,
)
from snntk_core.shapes import window_counts as _window_counts


def _per_axis(values: Shape, rank: int) -> Shape:
    return values if values else (1,) * rank


def _check_bias(bias: Array | None, units: int, op: str) -> None:
    if bias is not None and bias.shape != (units,):
        raise ShapeError(f"{op} has {units} outputs but a bias of shape {bias.shape}.")


@dataclass(frozen=True, eq=False)
class Dense(WeightedOp):
    """``y = x @ weight + bias`` on the last axis.

    ``weight``: (in, out).  ``bias``: (out,) or None.
    """

    weight: Array = array_field()
    bias: Array | None = array_field(None)

    @property
    def units(self) -> int:
        """The number of outputs."""
        return int(self.weight.shape[1])

    def infer(self, *shapes: Shape) -> Shape:
        """Replace the last axis by the units."""
        (shape,) = shapes
        if self.weight.ndim != 2 or not shape or shape[-1] != self.weight.shape[0]:
            raise ShapeError(f"Dense with weight {self.weight.shape} (in, out) cannot take shape {shape}.")
        _check_bias(self.bias, self.units, "Dense")
        return (*shape[:-1], self.units)


def _convolved(op: Conv1D | Conv2D | DepthwiseConv2D, shape: Shape, rank: int) -> Shape:
    lengths = spatial(shape, rank, type(op).__name__)
    strides, dilation = _per_axis(op.strides, rank), _per_axis(op.dilation, rank)
    kernel = op.weight.shape[:rank]
    check_sizes(type(op).__name__, rank, kernel=kernel, strides=strides, dilation=dilation)
    pads = resolve_padding(op.padding, lengths, kernel, strides, dilation)
    _check_bias(op.bias, op.units, type(op).__name__)
    return (*_window_counts(lengths, kernel, strides, pads, dilation), op.units)


def _check_groups(op: Conv1D | Conv2D | ConvTranspose2D, shape: Shape, rank: int) -> None:
    name = type(op).__name__
    spatial(shape, rank, name)
    if op.weight.ndim != rank + 2:
        raise ShapeError(f"{name} takes a weight with {rank + 2} axes, got shape {op.weight.shape}.")
    if op.groups < 1 or op.weight.shape[-2] * op.groups != shape[-1] or op.units % op.groups:
        raise ShapeError(f"{name} with weight {op.weight.shape} and {op.groups} groups cannot take shape {shape}.")


@dataclass(frozen=True, eq=False)
class Conv1D(WeightedOp):
    """Cross-correlation over one spatial axis, on (length, channels).

    ``weight``: (kernel, in / groups, out).  ``bias``: (out,) or None.  Empty ``strides`` or ``dilation`` mean ones.
    """

    weight: Array = array_field()
    bias: Array | None = array_field(None)
    strides: Shape = ()
    padding: Padding = "valid"
    dilation: Shape = ()
    groups: int = 1

    @property
    def units(self) -> int:
        """The number of output channels."""
        return int(self.weight.shape[-1])

    def infer(self, *shapes: Shape) -> Shape:
        """One output for each window."""
        _check_groups(self, shapes[0], 1)
        return _convolved(self, shapes[0], 1)


@dataclass(frozen=True, eq=False)
class Conv2D(WeightedOp):
    """``y[i, j, o] = sum(x[i*s + m*d, j*s + n*d, c] * weight[m, n, c, o]) + bias[o]`` on (height, width, channels).

    ``weight``: (kernel height, kernel width, in / groups, out).  ``bias``: (out,) or None.  ``padding`` is zeros.
    """

    weight: Array = array_field()
    bias: Array | None = array_field(None)
    strides: Shape = ()
    padding: Padding = "valid"
    dilation: Shape = ()
    groups: int = 1

    @property
    def units(self) -> int:
        """The number of output channels."""
        return int(self.weight.shape[-1])

    def infer(self, *shapes: Shape) -> Shape:
        """One output for each window."""
        _check_groups(self, shapes[0], 2)
        return _convolved(self, shapes[0], 2)


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D(WeightedOp):
    """Every channel convolved with ``multiplier`` kernels of its own; output channel ``c * multiplier + m``.

    ``weight``: (kernel height, kernel width, channels, multiplier).  ``bias``: (channels * multiplier,) or None.
    """

    weight: Array = array_field()
    bias: Array | None = array_field(None)
    strides: Shape = ()
    padding: Padding = "valid"
    dilation: Shape = ()

    @property
    def units(self) -> int:
        """The number of output channels."""
        return int(self.weight.shape[2] * self.weight.shape[3])

    def infer(self, *shapes: Shape) -> Shape:
        """One output for each window and kernel."""
        spatial(shapes[0], 2, "DepthwiseConv2D")
        if self.weight.ndim != 4 or self.weight.shape[2] != shapes[0][-1]:
            raise ShapeError(f"DepthwiseConv2D with weight {self.weight.shape} cannot take shape {shapes[0]}.")
        return _convolved(self, shapes[0], 2)


@dataclass(frozen=True, eq=False)
class ConvTranspose2D(WeightedOp):
    """The adjoint of `Conv2D`: every input adds ``weight`` to a window of the output.

    ``weight``: (kernel height, kernel width, in / groups, out).  ``padding`` is what is cropped from the full output;
    ``output_padding`` lengthens its end.
    """

    weight: Array = array_field()
    bias: Array | None = array_field(None)
    strides: Shape = ()
    padding: Padding = "valid"
    output_padding: Shape = (0, 0)
    dilation: Shape = ()
    groups: int = 1

    @property
    def units(self) -> int:
        """The number of output channels."""
        return int(self.weight.shape[-1])

    def infer(self, *shapes: Shape) -> Shape:
        """The full output less the crops."""
        lengths = spatial(shapes[0], 2, "ConvTranspose2D")
        _check_groups(self, shapes[0], 2)
        _check_bias(self.bias, self.units, "ConvTranspose2D")
        kernel, strides, dilation = self.weight.shape[:2], _per_axis(self.strides, 2), _per_axis(self.dilation, 2)
        check_sizes("ConvTranspose2D", 2, kernel=kernel, strides=strides, dilation=dilation)
        if len(self.output_padding) != 2 or min(self.output_padding) < 0:
            raise ShapeError(f"ConvTranspose2D takes output_padding for 2 axes, got {list(self.output_padding)}.")
        crops = transposed_padding(self.padding, kernel, strides, dilation, self.output_padding)
        out = transposed_lengths(lengths, kernel, strides, crops, dilation, self.output_padding)
        if min(out) < 1:
            raise ShapeError(f"ConvTranspose2D crops {crops} leave nothing of shape {shapes[0]}.")
        return (*out, self.units)
