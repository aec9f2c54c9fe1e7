"""Linear ops without weights: they route, average, add and reorder, and cost a spiking network nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from snntk_core.errors import ShapeError
from snntk_core.ops.base import Array, LinearOp, Op, array_field
from snntk_core.shapes import (
    Padding,
    Pairs,
    Shape,
    broadcast_fits,
    check_sizes,
    permuted,
    resolve_padding,
    size,
    spatial,
    window_counts,
)


@dataclass(frozen=True, eq=False)
class Input(Op):
    """Where data enters.

    ``shape`` is the model's own, without batch; ``order`` permutes it to channels last (empty: as it is).
    """

    arity: ClassVar[int | None] = 0
    shape: Shape
    order: Shape = ()

    def infer(self, *shapes: Shape) -> Shape:
        """Return the permuted shape."""
        return permuted(self.shape, self.order, "Input")


def pooled(
    shape: Shape, kernel: Shape, strides: Shape, padding: Padding, ceil: bool, op: str, dilation: Shape = ()
) -> Shape:
    """Return the shape after pooling windows of ``kernel``; the rank of ``kernel`` is the number of spatial axes."""
    lengths = spatial(shape, len(kernel), op)
    if len(kernel) not in (1, 2):
        raise ShapeError(f"{op} takes one or two spatial axes, got the kernel {list(kernel)}.")
    steps, spread = strides or kernel, dilation or (1,) * len(kernel)
    check_sizes(op, len(kernel), kernel=kernel, strides=steps, dilation=spread)
    pads = resolve_padding(padding, lengths, kernel, steps, spread)
    counts = window_counts(lengths, kernel, steps, pads, spread, ceil=ceil)
    if any((k - 1) * d < max(pair) for k, d, pair in zip(kernel, spread, pads, strict=True)) and op != "AveragePool":
        raise ShapeError(f"{op} has windows of {list(kernel)} that lie wholly in the padding {pads}: no maximum.")
    return (*counts, shape[-1])


@dataclass(frozen=True, eq=False)
class AveragePool(LinearOp):
    """The mean of each window, over one or two spatial axes (the length of ``kernel``).

    Empty ``strides`` mean the kernel.  ``count_include_pad``: padding counts in the divisor; what ``ceil_mode`` hangs
    over the end never does.
    """

    kernel: Shape
    strides: Shape = ()
    padding: Padding = "valid"
    ceil_mode: bool = False
    count_include_pad: bool = False

    def infer(self, *shapes: Shape) -> Shape:
        """One output for each window."""
        return pooled(shapes[0], self.kernel, self.strides, self.padding, self.ceil_mode, "AveragePool")


@dataclass(frozen=True, eq=False)
class GlobalAveragePool(LinearOp):
    """The mean over all spatial axes; ``keep_axes`` leaves them with length one."""

    keep_axes: bool = False

    def infer(self, *shapes: Shape) -> Shape:
        """Return the channels, with ones before them if kept."""
        (shape,) = shapes
        if len(shape) < 2:
            raise ShapeError(f"GlobalAveragePool needs a spatial axis, got shape {shape}.")
        return (1,) * (len(shape) - 1) * self.keep_axes + shape[-1:]


@dataclass(frozen=True, eq=False)
class Upsample(LinearOp):
    """Every element repeated ``factors`` times along each spatial axis (nearest neighbor)."""

    factors: Shape

    def infer(self, *shapes: Shape) -> Shape:
        """Multiply the spatial axes."""
        lengths = spatial(shapes[0], len(self.factors), "Upsample")
        check_sizes("Upsample", len(lengths), factors=self.factors)
        return (*(n * f for n, f in zip(lengths, self.factors, strict=True)), shapes[0][-1])


@dataclass(frozen=True, eq=False)
class Pad(LinearOp):
    """(before, after) elements of ``value`` added to each axis, channels included; negative amounts crop."""

    amounts: Pairs
    value: float = 0.0

    def infer(self, *shapes: Shape) -> Shape:
        """Lengthen or shorten every axis."""
        (shape,) = shapes
        if len(self.amounts) != len(shape):
            raise ShapeError(f"Pad has {len(self.amounts)} pairs for shape {shape}.")
        out = tuple(n + before + after for n, (before, after) in zip(shape, self.amounts, strict=True))
        if min(out, default=1) < 1:
            raise ShapeError(f"Pad {self.amounts} leaves nothing of shape {shape}.")
        return out


@dataclass(frozen=True, eq=False)
class Flatten(LinearOp):
    """All axes in one, row by row."""

    def infer(self, *shapes: Shape) -> Shape:
        """Return the number of elements."""
        return (size(shapes[0]),)


@dataclass(frozen=True, eq=False)
class Reshape(LinearOp):
    """The same elements, row by row, under another shape."""

    shape: Shape

    def infer(self, *shapes: Shape) -> Shape:
        """Return the new shape."""
        if prod(self.shape) != size(shapes[0]) or min(self.shape, default=1) < 1:
            raise ShapeError(f"Reshape to {self.shape} cannot take shape {shapes[0]}.")
        return self.shape


@dataclass(frozen=True, eq=False)
class Transpose(LinearOp):
    """Axes reordered: output axis ``i`` is input axis ``order[i]``."""

    order: Shape

    def infer(self, *shapes: Shape) -> Shape:
        """Return the permuted shape."""
        (shape,) = shapes
        if sorted(self.order) != list(range(len(shape))):
            raise ShapeError(f"Transpose {self.order} is not an order of the axes of shape {shape}.")
        return tuple(shape[axis] for axis in self.order)


@dataclass(frozen=True, eq=False)
class Scale(LinearOp):
    """``y = factor * x + offset``; both broadcast onto the shape without enlarging it.

    Multiplication by a constant, addition of a constant, and what is left of a normalization.
    """

    factor: Array = array_field()
    offset: Array | None = array_field(None)

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        (shape,) = shapes
        for name, array in self.arrays.items():
            if not broadcast_fits(array.shape, shape):
                raise ShapeError(f"Scale has a {name} of shape {array.shape}, which does not fit shape {shape}.")
        return shape


def _equal(shapes: tuple[Shape, ...], op: str) -> Shape:
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(f"{op} takes equal shapes, got {', '.join(map(str, shapes))}.")
    return shapes[0]


@dataclass(frozen=True, eq=False)
class Add(LinearOp):
    """The sum of its inputs, which have one shape."""

    arity: ClassVar[int | None] = None

    def infer(self, *shapes: Shape) -> Shape:
        """Return the common shape."""
        return _equal(shapes, "Add")


@dataclass(frozen=True, eq=False)
class Subtract(LinearOp):
    """The first input minus the second."""

    arity: ClassVar[int | None] = 2

    def infer(self, *shapes: Shape) -> Shape:
        """Return the common shape."""
        return _equal(shapes, "Subtract")


@dataclass(frozen=True, eq=False)
class Concat(LinearOp):
    """The inputs one after the other along ``axis`` (of the shape without batch; the default is the channels)."""

    arity: ClassVar[int | None] = None
    axis: int = -1

    def infer(self, *shapes: Shape) -> Shape:
        """Add up the lengths along the axis."""
        rank = len(shapes[0])
        if not -rank <= self.axis < rank:
            raise ShapeError(f"Concat along axis {self.axis} cannot take shape {shapes[0]}.")
        axis = self.axis % rank
        rest = {shape[:axis] + shape[axis + 1 :] for shape in shapes if len(shape) == rank}
        if len(rest) != 1 or any(len(shape) != rank for shape in shapes):
            raise ShapeError(f"Concat along axis {self.axis} cannot take {', '.join(map(str, shapes))}.")
        return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


@dataclass(frozen=True, eq=False)
class Identity(LinearOp):
    """The input itself."""

    def infer(self, *shapes: Shape) -> Shape:
        """Return the input shape."""
        return shapes[0]
