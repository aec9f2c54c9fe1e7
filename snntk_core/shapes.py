"""Shape arithmetic.  A shape never includes the batch axis; the last axis holds the channels."""

from __future__ import annotations

from math import prod
from typing import Literal

from snntk_core.errors import ShapeError

Shape = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
Padding = Literal["valid", "same", "same-lower"] | Pairs
"""``same`` puts the odd element after the data, ``same-lower`` before it; or (before, after) for each spatial axis."""


LARGEST_MAP = 1 << 28  # elements of one feature map, padding included


def size(shape: Shape) -> int:
    """Return the number of elements of a shape."""
    return prod(shape)


def spatial(shape: Shape, rank: int, op: str) -> Shape:
    """Return the ``rank`` axes before the channels, or raise `ShapeError` naming ``op``."""
    if len(shape) != rank + 1:
        raise ShapeError(f"{op} takes {rank} spatial axes and channels, got shape {shape}.")
    return shape[:-1]


def check_sizes(op: str, rank: int, **sizes: Shape) -> None:
    """Raise `ShapeError` naming ``op`` unless each of ``sizes`` has one number above zero for each of ``rank`` axes."""
    for name, values in sizes.items():
        if len(values) != rank or min(values, default=1) < 1:
            raise ShapeError(f"{op} takes {name} above zero for {rank} axes, got {list(values)}.")


def permuted(shape: Shape, order: Shape, op: str) -> Shape:
    """Return the shape of data in another order of axes (empty: as it is).

    Raises `ShapeError` naming ``op`` for an order that is none, and an axis without elements.
    """
    if min(shape, default=1) < 1 or (order and sorted(order) != list(range(len(shape)))):
        raise ShapeError(f"{op} takes lengths above zero and an order of their axes, got {shape} and {order}.")
    return tuple(shape[axis] for axis in order) if order else shape


def _not_negative(padding: Pairs) -> Pairs:
    if any(min(pair) < 0 for pair in padding):
        raise ShapeError(f"Padding {padding} is below zero. What crops or lengthens is a Pad.")
    return padding


def resolve_padding(padding: Padding, lengths: Shape, kernel: Shape, strides: Shape, dilation: Shape) -> Pairs:
    """Return (before, after) for each axis.  ``same`` gives ``ceil(length / stride)`` outputs."""
    if padding == "valid":
        return tuple((0, 0) for _ in lengths)
    if isinstance(padding, str) and padding not in ("same", "same-lower"):
        raise ShapeError(f"Padding must be 'valid', 'same', 'same-lower' or pairs, got {padding!r}.")
    if not isinstance(padding, str):
        if len(padding) != len(lengths):
            raise ShapeError(f"Padding {padding} has {len(padding)} pairs for {len(lengths)} spatial axes.")
        return _not_negative(padding)
    pairs = []
    for length, k, stride, d in zip(lengths, kernel, strides, dilation, strict=True):
        total = max((-(-length // stride) - 1) * stride + d * (k - 1) + 1 - length, 0)
        less, more = total // 2, total - total // 2
        pairs.append((less, more) if padding == "same" else (more, less))
    return tuple(pairs)


def window_counts(
    lengths: Shape, kernel: Shape, strides: Shape, pads: Pairs, dilation: Shape, *, ceil: bool = False
) -> Shape:
    """Return how many windows fit along each axis.

    With ``ceil`` a last window may hang over the end, provided it begins inside the data or the leading padding.
    Raises `ShapeError` where no window fits.
    """
    if prod(length + sum(pair) for length, pair in zip(lengths, pads, strict=True)) > LARGEST_MAP:
        raise ShapeError(f"Padding {pads} makes an absurdly large map of {lengths}.")
    counts = []
    for length, k, stride, (before, after), d in zip(lengths, kernel, strides, pads, dilation, strict=True):
        room = length + before + after - (d * (k - 1) + 1)
        if room < 0:
            raise ShapeError(f"A window of {d * (k - 1) + 1} does not fit into {length} + {before} + {after}.")
        count = room // stride + 1
        if ceil and room % stride and count * stride < length + before:
            count += 1
        counts.append(count)
    return tuple(counts)


def transposed_padding(
    padding: Padding, kernel: Shape, strides: Shape, dilation: Shape, output_padding: Shape
) -> Pairs:
    """Return what a transposed convolution crops.  ``same`` gives ``length * stride`` outputs."""
    if padding == "valid":
        return tuple((0, 0) for _ in kernel)
    if not isinstance(padding, str):
        if len(padding) != len(kernel):
            raise ShapeError(f"Padding {padding} has {len(padding)} pairs for {len(kernel)} spatial axes.")
        return _not_negative(padding)
    pairs = []
    for k, stride, d, extra in zip(kernel, strides, dilation, output_padding, strict=True):
        total = max(d * (k - 1) + 1 + extra - stride, 0)
        less, more = total // 2, total - total // 2
        pairs.append((less, more) if padding == "same" else (more, less))
    return tuple(pairs)


def transposed_lengths(
    lengths: Shape, kernel: Shape, strides: Shape, crops: Pairs, dilation: Shape, output_padding: Shape
) -> Shape:
    """Return ``(length - 1) * stride + dilation * (kernel - 1) + 1 + output_padding - crops`` for each axis.

    Raises `ShapeError` where the map is absurdly large before it is cropped.
    """
    full = tuple(
        (n - 1) * s + d * (k - 1) + 1 + extra
        for n, s, k, d, extra in zip(lengths, strides, kernel, dilation, output_padding, strict=True)
    )
    if prod(full) > LARGEST_MAP:
        raise ShapeError(f"A transposed convolution of {lengths} makes an absurdly large map, {full}.")
    return tuple(n - before - after for n, (before, after) in zip(full, crops, strict=True))


def broadcast_fits(array_shape: Shape, shape: Shape) -> bool:
    """Whether an array of ``array_shape`` broadcasts onto ``shape`` without enlarging it."""
    if len(array_shape) > len(shape):
        return False
    trailing = shape[len(shape) - len(array_shape) :]
    return all(a in (1, b) for a, b in zip(array_shape, trailing, strict=True))
