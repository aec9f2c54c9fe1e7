"""Which stretches of a map each output position of a weighted op reads, and which weight rows they meet.

A table (positions, stretches, 3) of (first view position, past-last view position, weight row tap): positions along a
kernel row are neighbors, so their events are one stretch of the event list.  A stretch whose two positions are equal
is empty.
"""

from __future__ import annotations

import numpy as np

from snntk_core import Array, Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, WeightedOp
from snntk_core.reference.windows import window_of
from snntk_core.shapes import Pairs, Shape, resolve_padding, transposed_padding


def stretches(op: WeightedOp, before: Shape, after: Shape) -> Array | None:
    """Return the table of a weighted op that reads ``before`` and gives ``after``; None for an op of a stranger."""
    if isinstance(op, Dense):
        counts = int(np.prod(after[:-1], dtype=int))
        return _taps(np.arange(counts)[:, None], np.zeros((1, 1), int))
    if isinstance(op, ConvTranspose2D):
        return _transposed(op, before, after)
    if isinstance(op, Conv1D | Conv2D | DepthwiseConv2D):
        rank = 1 if isinstance(op, Conv1D) else 2
        sizes: Shape = op.weight.shape[:rank]
        strides, dilation = op.strides or (1,) * rank, op.dilation or (1,) * rank
        pads = resolve_padding(op.padding, before[:rank], sizes, strides, dilation)
        kernel, strides, dilation = window_of(sizes, op.strides, op.dilation)
        flat = ((0, 0),) * (2 - rank)
        ones = (1,) * (2 - rank)
        maps = ((*ones, *before[:rank]), (*ones, *after[:rank]))
        return _convolved(kernel, strides, (*flat, *pads), dilation, *maps)
    return None


def kernel_of(op: WeightedOp) -> Array:
    """Return the weight as (taps, in, out)."""
    weight = op.arrays["weight"]
    return weight.reshape(-1, *weight.shape[-2:])


def _convolved(kernel: Shape, strides: Shape, pads: Pairs, dilation: Shape, before: Shape, after: Shape) -> Array:
    at = [
        np.arange(after[axis])[:, None] * strides[axis] + np.arange(kernel[axis]) * dilation[axis] - pads[axis][0]
        for axis in range(2)
    ]
    rows, columns = at
    row_inside, column_inside = (rows >= 0) & (rows < before[0]), (columns >= 0) & (columns < before[1])
    tap_rows = np.arange(kernel[0]) * kernel[1]
    if dilation[1] != 1:
        inside = row_inside[:, None, :, None] & column_inside[None, :, None, :]
        flat = rows[:, None, :, None] * before[1] + columns[None, :, None, :]
        taps = tap_rows[:, None] + np.arange(kernel[1])
        return _taps(np.where(inside, flat, -1).reshape(after[0] * after[1], -1), taps.reshape(1, -1))
    begin = column_inside.argmax(axis=1)
    width = column_inside.sum(axis=1)
    first = rows[:, None, :] * before[1] + columns[np.arange(after[1]), begin][None, :, None]
    last = first + width[None, :, None]
    taps = np.broadcast_to(tap_rows + begin[None, :, None], first.shape)
    table = np.stack([first, last, taps], axis=-1)
    inside = row_inside[:, None, :] & (width > 0)[None, :, None]
    return np.where(inside[..., None], table, 0).reshape(after[0] * after[1], -1, 3)


def _transposed(op: ConvTranspose2D, before: Shape, after: Shape) -> Array:
    kernel, strides, dilation = window_of(op.weight.shape[:2], op.strides, op.dilation)
    crops = transposed_padding(op.padding, kernel, strides, dilation, op.output_padding)
    sources = []
    for axis in range(2):
        reached = np.arange(after[axis])[:, None] + crops[axis][0] - np.arange(kernel[axis]) * dilation[axis]
        at, rest = np.divmod(reached, strides[axis])
        sources.append(np.where((rest == 0) & (at >= 0) & (at < before[axis]), at, -1))
    rows, columns = sources
    inside = (rows >= 0)[:, None, :, None] & (columns >= 0)[None, :, None, :]
    flat = rows[:, None, :, None] * before[1] + columns[None, :, None, :]
    taps = np.arange(kernel[0] * kernel[1]).reshape(1, -1)
    return _taps(np.where(inside, flat, -1).reshape(after[0] * after[1], -1), taps)


def _taps(positions: Array, taps: Array) -> Array:
    """Return a table with a stretch of one position for each tap; positions below zero are outside."""
    table = np.stack([positions, positions + 1, np.broadcast_to(taps, positions.shape)], axis=-1)
    return np.where((positions >= 0)[..., None], table, 0)


def joined(table: Array, positions: Array, row: int, channels: int) -> tuple[Array, Array]:
    """Return ``segment_starts`` and ``segments`` of neurons that sum outputs of a weighted op.

    ``positions``: (taps, neuron positions) of the op's output, below zero for none.  A weight row tap has ``row`` rows,
    and a view position ``channels`` entries.
    """
    taken = np.where((positions >= 0)[..., None, None], table[positions], 0)
    parts = taken.transpose(1, 0, 2, 3).reshape(positions.shape[1], -1, 3)
    filled = parts[..., 1] > parts[..., 0]
    starts = np.concatenate([[0], np.cumsum(filled.sum(axis=1))]).astype(np.int32)
    kept = parts[filled]
    base = kept[:, 0] * channels - kept[:, 2] * row
    return starts, np.ascontiguousarray(np.stack([kept[:, 0], kept[:, 1], base], axis=1).astype(np.int32))
