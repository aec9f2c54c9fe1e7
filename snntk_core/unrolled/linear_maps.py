"""What each linear op is as single synapses, from its structure: true borders, no detour over a dense matrix."""

from __future__ import annotations

from functools import singledispatch

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
    LinearOp,
    Pad,
    Reshape,
    Scale,
    Subtract,
    Transpose,
    Upsample,
)
from snntk_core.reference import apply
from snntk_core.reference.windows import pad, patches, window_of
from snntk_core.shapes import Padding, Pairs, Shape, resolve_padding, size, transposed_padding
from snntk_core.unrolled.synapse_list import SynapseList

Shapes = tuple[Shape, ...]
ROWS = 256  # units probed at once


@singledispatch
def synapses_of(op: LinearOp, position: int, shapes: Shapes) -> SynapseList:
    """Return the synapses from input ``position`` of ``op`` to its output, without constant terms.

    ``shapes``: of all inputs.  An op of a plugin without a rule is probed one unit at a time.
    """
    silent = [np.zeros((1, *shape)) for shape in shapes]
    rest, units, found = apply(op, *silent).reshape(1, -1), size(shapes[position]), []
    for start in range(0, units, ROWS):
        single = np.zeros((min(ROWS, units - start), units))
        single[np.arange(len(single)), start + np.arange(len(single))] = 1
        driven = [np.broadcast_to(value, (len(single), *value.shape[1:])) for value in silent]
        driven[position] = single.reshape(len(single), *shapes[position])
        response = apply(op, *driven).reshape(len(single), -1) - rest
        before, after = np.nonzero(response)
        found.append((before + start, after, response[before, after]))
    before, after, weight = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return SynapseList(before, after, weight, rest.shape[1])


def _numbered(shape: Shape) -> Array:
    """Return a batch of one whose elements are their own flat indices from 1; zero is left for what is no unit."""
    return np.arange(1, size(shape) + 1).reshape(1, *shape)


@synapses_of.register(Concat | Flatten | Identity | Pad | Reshape | Transpose | Upsample)
def _routed(op: LinearOp, position: int, shapes: Shapes) -> SynapseList:
    numbers = [_numbered(shape) * (at == position) for at, shape in enumerate(shapes)]
    plain = Pad(op.amounts) if isinstance(op, Pad) else op
    source = apply(plain, *numbers).reshape(-1).astype(np.int64) - 1
    after = np.flatnonzero(source >= 0)
    return SynapseList(source[after], after, np.ones(len(after)), len(source))


@synapses_of.register(Add | Subtract)
def _added(op: Add | Subtract, position: int, shapes: Shapes) -> SynapseList:
    sign = -1.0 if isinstance(op, Subtract) and position else 1.0
    return SynapseList.each_its_own(np.full(size(shapes[0]), sign))


@synapses_of.register
def _(op: Scale, position: int, shapes: Shapes) -> SynapseList:
    return SynapseList.each_its_own(np.broadcast_to(op.factor, shapes[0]).reshape(-1))


@synapses_of.register
def _(op: Dense, position: int, shapes: Shapes) -> SynapseList:
    rows = np.arange(1, size(shapes[0]) + 1).reshape(-1, 1, shapes[0][-1])
    return _weighted(rows, op.weight[None])


@synapses_of.register(Conv1D | Conv2D)
def _convolved(op: Conv1D | Conv2D, position: int, shapes: Shapes) -> SynapseList:
    kernel = op.weight.shape[:-2]
    windows = windows_of(shapes[0], kernel, op.strides, op.padding, op.dilation)
    return _weighted(windows, op.weight.reshape(-1, *op.weight.shape[-2:]), op.groups)


@synapses_of.register
def _(op: DepthwiseConv2D, position: int, shapes: Shapes) -> SynapseList:
    windows = windows_of(shapes[0], op.weight.shape[:2], op.strides, op.padding, op.dilation)
    places, _, channels = windows.shape
    weight = op.weight.reshape(-1, channels, op.weight.shape[3])
    after = np.arange(places * op.units).reshape(places, 1, channels, -1)
    return _listed(windows[..., None], after, weight[None], places * op.units)


@synapses_of.register
def _(op: ConvTranspose2D, position: int, shapes: Shapes) -> SynapseList:
    kernel, strides, dilation = window_of(op.weight.shape[:2], op.strides, op.dilation)
    crops = transposed_padding(op.padding, kernel, strides, dilation, op.output_padding)
    after = pad(_numbered(op.infer(*shapes)), crops)
    rows, columns, channels = shapes[0]
    windows = patches(after, kernel, strides, dilation)[0, :rows, :columns].reshape(rows * columns, -1, op.units)
    inside, width = op.weight.shape[2], op.units // op.groups
    number = np.arange(1, rows * columns * channels + 1).reshape(-1, 1, op.groups, inside, 1)
    reached = windows.reshape(*windows.shape[:2], op.groups, 1, width) - 1
    weight = op.weight.reshape(-1, inside, op.groups, width).transpose(0, 2, 1, 3)[None]
    return _listed(np.where(reached >= 0, number, 0), reached, weight, size(op.infer(*shapes)))


@synapses_of.register
def _(op: AveragePool, position: int, shapes: Shapes) -> SynapseList:
    strides = op.strides or op.kernel
    windows = windows_of(shapes[0], op.kernel, strides, op.padding, (), op.infer(*shapes))
    mean = apply(op, np.ones((1, *shapes[0]))).reshape(len(windows), 1, -1)
    inside = np.maximum(np.count_nonzero(windows, axis=1, keepdims=True), 1)
    after = np.arange(mean.size).reshape(len(windows), 1, -1)
    return _listed(windows, after, mean / inside, mean.size)


@synapses_of.register
def _(op: GlobalAveragePool, position: int, shapes: Shapes) -> SynapseList:
    channels = shapes[0][-1]
    before = np.arange(size(shapes[0]))
    return SynapseList(before, before % channels, np.full(len(before), channels / len(before)), channels)


def windows_of(
    shape: Shape, kernel: Shape, strides: Shape, padding: Padding, dilation: Shape, counts: Shape | None = None
) -> Array:
    """Return which units each window holds, counted from 1: (windows, taps, channels).

    ``counts``: how many windows there are where some hang over the end.
    """
    rank = len(kernel)
    pads = resolve_padding(padding, shape[:rank], kernel, strides or (1,) * rank, dilation or (1,) * rank)
    numbers = _numbered(shape if rank == 2 else (1, *shape))
    pads = ((0, 0),) * (2 - rank) + pads
    kernel, strides, dilation = window_of(kernel, strides, dilation)
    rows, columns = (None, None) if counts is None else ((1,) * (2 - rank) + counts)[:2]
    if rows is not None and columns is not None:
        pads = _lengthened(pads, numbers.shape[1:3], kernel, strides, dilation, (rows, columns))
    view = patches(pad(numbers, pads), kernel, strides, dilation)[0, :rows, :columns]
    return view.reshape(view.shape[0] * view.shape[1], -1, shape[-1])


def _lengthened(pads: Pairs, lengths: Shape, kernel: Shape, strides: Shape, dilation: Shape, counts: Shape) -> Pairs:
    """Return the padding with what the last of ``counts`` windows need past the end."""
    ends = ((n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(counts, strides, dilation, kernel, strict=True))
    return tuple(
        (before, max(after, end - n - before)) for (before, after), end, n in zip(pads, ends, lengths, strict=True)
    )


def _weighted(windows: Array, weight: Array, groups: int = 1) -> SynapseList:
    """Return the synapses of windows (places, taps, channels) with ``weight`` (taps, channels / groups, units)."""
    places, taps, _ = windows.shape
    inside, units = weight.shape[1:]
    before = windows.reshape(places, taps, groups, inside, 1)
    after = np.arange(places * units).reshape(places, 1, groups, 1, units // groups)
    by_group = weight.reshape(taps, inside, groups, units // groups).transpose(0, 2, 1, 3)[None]
    return _listed(before, after, by_group, places * units)


def _listed(before: Array, after: Array, weight: Array, units: int) -> SynapseList:
    """Return the synapses of arrays that broadcast; ``before`` counts from 1, and what is below 1 is no unit."""
    before, after, weight = np.broadcast_arrays(before, after, np.asarray(weight, np.float64))
    kept = (before > 0) & (weight != 0)
    return SynapseList(before[kept].astype(np.int64) - 1, after[kept].astype(np.int64), weight[kept], units)
