"""The current of one step: the rows of a block of weights that the spikes of this step select, summed.

A block of weights holds one row for each input of the receptive field and one lane for each of its output channels.
Integer weights lie in pairs: the int16 of lane ``c < lanes / 2`` is ``(w[c] + 128) + 256 w[c + lanes / 2]``, so one
load, one shift and two additions take both.  With A the sum of n pairs modulo 2^16 and B the sum of the pairs shifted
right by a byte, ``sum w[c + lanes / 2] = B`` and ``sum w[c] = A - 256 B - 128 n``, exact while these fit in 16 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from snntk_core import Array
from snntk_event.kernels.pointers import as_int32
from snntk_event.kernels.terms import (
    BLOCKS,
    FIRST_BLOCK,
    FLUSH,
    GATHER_FLOATS,
    GATHER_INTEGERS,
    KIND,
    ROWS,
    SCALE,
    WEIGHTS,
)
from snntk_event.kernels.vectors import (
    add,
    as_floats,
    ashr_byte,
    filled,
    joined,
    lane_count,
    load,
    mul,
    shl_byte,
    sub,
    widened,
    zeros_like,
)  # fmt: skip

LINE = 64  # bytes of a cache line, which no row straddles without need


def packed(weights: Array) -> Array:
    """Return weights (blocks, rows, lanes) as the kernels read them: int8 in pairs, and all from a cache line on."""
    if weights.dtype == np.int8:
        half = weights.shape[-1] // 2
        pairs = weights[..., :half].astype(np.int32) + 128 + 256 * weights[..., half:].astype(np.int32)
        weights = pairs.astype(np.int16).view(np.int8)
    return on_a_line(weights)


def on_a_line(weights: Array) -> Array:
    """Return weights that begin with a cache line."""
    room = np.empty(weights.nbytes + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    result: Array = room[first : first + weights.nbytes].view(weights.dtype).reshape(weights.shape)
    result[...] = weights
    return result


@njit(forceinline=True)
def gathered(terms: Any, ends: Any, step: Any, block: Any, like: Any, half: Any) -> Any:
    """Return the sum of all gather terms for a block of channels, float32 lanes.

    ``ends[term, step]``: where the numbers of the rows begin, see `rows`.  ``like``: float32 lanes.  ``half``: half as
    many, int16.
    """
    current = zeros_like(np.float32(0), like)
    lanes = lane_count(like)
    for index in range(len(terms)):
        inside = block - terms[index, FIRST_BLOCK]
        if inside < 0 or inside >= terms[index, BLOCKS]:
            continue
        row, end, before = ends[index, step], ends[index, step + 1], inside * terms[index, ROWS] * lanes
        if terms[index, KIND] == GATHER_INTEGERS:
            sums = sum_pairs(terms[index, WEIGHTS] + before, row, end, terms[index, FLUSH], half)
            current = add(current, mul(load(terms[index, SCALE] + inside * 4 * lanes, like), as_floats(sums)))
        elif terms[index, KIND] == GATHER_FLOATS:
            current = add(current, sum_floats(terms[index, WEIGHTS] + 4 * before, row, end, like))
    return current


@njit(forceinline=True)
def sum_pairs(block: Any, row: Any, end: Any, flush: Any, half: Any) -> Any:
    """Return the int32 sums of the rows of a block, packed in pairs, whose int32 numbers lie from ``row`` to ``end``.

    ``flush``: how many rows fit into 16 bits.
    """
    width = 2 * lane_count(half)
    total = zeros_like(np.int32(0), joined(half, half))
    while row < end:
        stop = min(end, row + 4 * flush)
        low = filled(np.int16(-128 * ((stop - row) >> 2)), half)
        high = zeros_like(np.int16(0), half)
        while row < stop:
            pairs = load(block + np.int64(as_int32(row)[0]) * width, half)
            low, high = add(low, pairs), add(high, ashr_byte(pairs))
            row += 4
        total = add(total, widened(joined(sub(low, shl_byte(high)), high)))
    return total


@njit(forceinline=True)
def sum_floats(block: Any, row: Any, end: Any, like: Any) -> Any:
    """Return the sums of the rows of a block of float32 weights whose int32 numbers lie from ``row`` to ``end``."""
    width = 4 * lane_count(like)
    total = zeros_like(np.float32(0), like)
    while row < end:
        total = add(total, load(block + np.int64(as_int32(row)[0]) * width, like))
        row += 4
    return total
