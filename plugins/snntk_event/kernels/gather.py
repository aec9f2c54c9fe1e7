"""Adding weight rows to the currents of a block of channels, all steps of one position at once."""

from __future__ import annotations

import numpy as np
from numba import njit

from snntk_event.kernels.pointers import as_float32, as_int8, as_int32
from snntk_event.kernels.terms import (
    BLOCKS,
    COLUMNS,
    ENTRIES,
    FIRST_BLOCK,
    GATHER_FLOATS,
    GATHER_INTEGERS,
    KIND,
    ROWS,
    SCALE,
    SEGMENT_STARTS,
    SEGMENTS,
    STARTS,
    VIEW,
    WEIGHTS,
    WIDTH,
)


@njit(nogil=True, cache=True, error_model="numpy")
def add_term(tile, term, image, position, block):
    """Add to ``tile`` (steps, channels of the block) what a term brings to block number ``block`` of a position."""
    steps, channels = tile.shape
    kind, view = term[KIND], term[VIEW]
    inside = block - term[FIRST_BLOCK]
    if kind <= GATHER_FLOATS and (inside < 0 or inside >= term[BLOCKS]):
        return
    entries, starts = as_int32(term[ENTRIES]), as_int32(term[STARTS])
    segment_starts, segments = as_int32(term[SEGMENT_STARTS]), as_int32(term[SEGMENTS])
    first, last = segment_starts[position], segment_starts[position + 1]
    sums = np.zeros(channels, np.int32)
    for step in range(steps):
        row_of_step = (image * steps + step) * (view + 1)
        sums[:] = 0
        for segment in range(first, last):
            base = segments[3 * segment + 2]
            begin = starts[row_of_step + segments[3 * segment]]
            end = starts[row_of_step + segments[3 * segment + 1]]
            for at in range(begin, end):
                row = np.int64(entries[at] - base)
                if kind == GATHER_INTEGERS:
                    _add_integers(sums, term, inside, row)
                elif kind == GATHER_FLOATS:
                    _add_floats(tile, step, term, inside, row)
                else:
                    _add_group(tile, step, term, block, row)
        if kind == GATHER_INTEGERS:
            scale = as_float32(term[SCALE])
            for channel in range(channels):
                tile[step, channel] += scale[inside * channels + channel] * np.float32(sums[channel])


@njit(nogil=True, cache=True, error_model="numpy")
def _add_integers(sums, term, inside, row):
    weights, channels = as_int8(term[WEIGHTS]), sums.size
    at = (inside * term[ROWS] + row) * channels
    for channel in range(channels):
        sums[channel] += weights[at + channel]


@njit(nogil=True, cache=True, error_model="numpy")
def _add_floats(tile, step, term, inside, row):
    weights, channels = as_float32(term[WEIGHTS]), tile.shape[1]
    at = (inside * term[ROWS] + row) * channels
    for channel in range(channels):
        tile[step, channel] += weights[at + channel]


@njit(nogil=True, cache=True, error_model="numpy")
def _add_group(tile, step, term, block, row):
    weights, columns, width = as_float32(term[WEIGHTS]), as_int32(term[COLUMNS]), term[WIDTH]
    channels = tile.shape[1]
    for index in range(width):
        channel = columns[row] + index - block * channels
        if 0 <= channel < channels:
            tile[step, channel] += weights[row * width + index]
