"""What each op does to reach: one rule for each type, chosen by `functools.singledispatch`."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from snntk_core.ops import (
    ActivationOp,
    Add,
    Array,
    AveragePool,
    BatchNorm,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    IntegrateFire,
    LocalResponseNormalization,
    MaxPool,
    Op,
    Pad,
    PoissonSpikes,
    Readout,
    Reshape,
    Scale,
    SpikingMaxPool,
    Subtract,
    Transpose,
    Upsample,
)
from snntk_core.reach import Reach, UnfactoredError
from snntk_core.shapes import Padding, Shape, resolve_padding, transposed_padding

ONE_TO_ONE = (
    Add | Subtract | Identity | Scale | BatchNorm | Dropout | ActivationOp | LocalResponseNormalization | IntegrateFire
    | PoissonSpikes | Readout
)  # fmt: skip
"""The ops whose units each answer one unit of an input: the same reach, whichever input it enters by.

What a softmax or a normalization divides by is no synapse.
"""


@singledispatch
def reach_through(op: Op, reach: Reach, position: int, shapes: tuple[Shape, ...]) -> Reach:
    """Return ``reach`` followed by ``op``, entered by its input ``position``; ``shapes`` are those of all its inputs.

    A plugin op may register a rule; without one it is counted unit by unit.
    """
    raise UnfactoredError


@reach_through.register(ONE_TO_ONE)
def _one_to_one(op: Op, reach: Reach, position: int, shapes: tuple[Shape, ...]) -> Reach:
    return reach


@reach_through.register
def _(op: Dense, reach: Reach, position: int, shapes: tuple[Shape, ...]) -> Reach:
    return reach.dense(len(reach.axes) - 1, op.units)


@reach_through.register(Conv1D | Conv2D | DepthwiseConv2D)
def _convolution(
    op: Conv1D | Conv2D | DepthwiseConv2D, reach: Reach, position: int, shapes: tuple[Shape, ...]
) -> Reach:
    rank = 1 if isinstance(op, Conv1D) else 2
    kernel, counts = op.weight.shape[:rank], op.infer(*shapes)
    reach = _through_windows(reach, shapes[0], counts, kernel, op.strides or (1,) * rank, op.padding, op.dilation)
    groups = shapes[0][-1] if isinstance(op, DepthwiseConv2D) else op.groups
    return _through_channels(reach, rank, shapes[0][-1], op.units, groups)


@reach_through.register
def _(op: ConvTranspose2D, reach: Reach, position: int, shapes: tuple[Shape, ...]) -> Reach:
    kernel, strides, dilation = op.weight.shape[:2], op.strides or (1, 1), op.dilation or (1, 1)
    crops = transposed_padding(op.padding, kernel, strides, dilation, op.output_padding)
    counts = op.infer(*shapes)
    for axis in range(2):
        before = crops[axis][0]
        taken = windows(counts[axis], shapes[0][axis], kernel[axis], strides[axis], dilation[axis], before)
        reach = reach.mapped(axis, taken.T)
    return _through_channels(reach, 2, shapes[0][-1], op.units, op.groups)


@reach_through.register(AveragePool | MaxPool | SpikingMaxPool)
def _pooling(
    op: AveragePool | MaxPool | SpikingMaxPool, reach: Reach, position: int, shapes: tuple[Shape, ...]
) -> Reach:
    dilation = () if isinstance(op, AveragePool) else op.dilation
    counts = op.infer(*shapes)
    return _through_windows(reach, shapes[0], counts, op.kernel, op.strides or op.kernel, op.padding, dilation)


@reach_through.register(GlobalAveragePool | GlobalMaxPool)
def _global_pooling(
    op: GlobalAveragePool | GlobalMaxPool, reach: Reach, position: int, shapes: tuple[Shape, ...]
) -> Reach:
    for axis in range(len(reach.axes) - 1):
        reach = reach.collapsed(axis)
    return reach if op.keep_axes else Reach((tuple(factor for axis in reach.axes for factor in axis),))


@reach_through.register
def _(op: Upsample, reach: Reach, position: int, shapes: tuple[Shape, ...]) -> Reach:
    for axis, factor in enumerate(op.factors):
        reach = reach.mapped(axis, np.eye(shapes[0][axis], dtype=bool).repeat(factor, axis=0))
    return reach


@reach_through.register
def _(op: Pad, reach: Reach, position: int, shapes: tuple[Shape, ...]) -> Reach:
    for axis, ((before, after), length) in enumerate(zip(op.amounts, shapes[0], strict=True)):
        if before or after:
            reach = reach.mapped(axis, np.eye(length + before + after, length, -before, dtype=bool))
    return reach


@reach_through.register
def _(op: Concat, reach: Reach, position: int, shapes: tuple[Shape, ...]) -> Reach:
    axis = op.axis % len(shapes[0])
    lengths = [shape[axis] for shape in shapes]
    before = sum(lengths[:position])
    return reach.mapped(axis, np.eye(sum(lengths), lengths[position], -before, dtype=bool))


@reach_through.register(Flatten | Reshape)
def _reshaping(op: Flatten | Reshape, reach: Reach, position: int, shapes: tuple[Shape, ...]) -> Reach:
    return reach.reshaped(op.infer(*shapes))


@reach_through.register
def _(op: Transpose, reach: Reach, position: int, shapes: tuple[Shape, ...]) -> Reach:
    return reach.permuted(op.order)


def windows(length: int, count: int, kernel: int, stride: int, dilation: int, before: int) -> Array:
    """Return which of ``length`` positions each of ``count`` windows takes: (count, length)."""
    taken = np.zeros((count, length), bool)
    for tap in range(kernel):
        at = np.arange(count) * stride + tap * dilation - before
        inside = (at >= 0) & (at < length)
        taken[np.flatnonzero(inside), at[inside]] = True
    return taken


def _through_windows(
    reach: Reach, shape: Shape, counts: Shape, kernel: Shape, strides: Shape, padding: Padding, dilation: Shape
) -> Reach:
    rank = len(kernel)
    dilation = dilation or (1,) * rank
    pads = resolve_padding(padding, shape[:rank], kernel, strides, dilation)
    for axis in range(rank):
        before = pads[axis][0]
        taken = windows(shape[axis], counts[axis], kernel[axis], strides[axis], dilation[axis], before)
        reach = reach.mapped(axis, taken)
    return reach


def _through_channels(reach: Reach, axis: int, channels: int, units: int, groups: int) -> Reach:
    if groups == 1:
        return reach.dense(axis, units)
    block = np.ones((units // groups, channels // groups), bool)
    return reach.mapped(axis, np.kron(np.eye(groups, dtype=bool), block))
