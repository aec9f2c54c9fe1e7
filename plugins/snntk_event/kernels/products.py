"""The current of all steps of a position: how often the units of its receptive field spike, times 8-bit weights.

A view of a spiking map is counted as bytes, four channels of a position in one number, a quad, and the steps of a quad
side by side: (view positions, quads of a position, steps).  A quad of every step is then multiplied with four weights
of 16 output channels at once, and the sums of `STEPS` steps stay in registers.  No spike is looked for: the time does
not depend on how many there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from snntk_event.kernels.dots import plus_dots
from snntk_event.kernels.pointers import as_int32, as_uint32, as_uint64
from snntk_event.kernels.terms import (
    FIRST_SIXTEEN,
    LANES,
    POSITIONS,
    QUAD,
    QUAD_ROWS,
    QUAD_SEGMENTS,
    QUAD_STARTS,
    QUAD_WEIGHTS,
    QUADS,
    SIXTEENS,
    STEPS,
    STEPS_OF_WEIGHTS,
    TAP_LANES,
    TAP_STARTS,
    TAP_WORDS,
    TRAINS,
    TRAINS_OF_IMAGE,
)
from snntk_event.kernels.vectors import add, as_floats, load, mul, store, zeros

AT_ONCE = LANES * STEPS  # sums
NIBBLE, SPREAD, ONES = np.uint64(15), np.uint64(0x00204081), np.uint64(0x01010101)


@njit(error_model="numpy")
def room_for_quads(terms: Any, steps: Any) -> Any:
    """Return an array that holds the quads of one image, all terms, and after them the sums of one block."""
    count = 0
    for index in range(len(terms)):
        count += terms[index, POSITIONS] * terms[index, QUADS]
    return np.empty(count * steps + AT_ONCE, np.uint32)


@njit(error_model="numpy")
def count_quads(terms: Any, image: Any, steps: Any, quads: Any) -> None:
    """Count the spikes of an image into ``quads``.

    ``terms``: a table.  Bit ``lane`` of a word of a train says that a unit spiked, a byte of a quad how many of the
    taps of a view position did: each has the word of its first channel and the lane of it.
    """
    counted = np.int64(quads.ctypes.data)
    for index in range(len(terms)):
        starts, words = as_int32(terms[index, TAP_STARTS]), as_int32(terms[index, TAP_WORDS])
        lanes, trains = as_int32(terms[index, TAP_LANES]), terms[index, TRAINS] + image * terms[index, TRAINS_OF_IMAGE]
        for position in range(terms[index, POSITIONS]):
            for quad in range(terms[index, QUADS]):
                of_quad = as_uint32(counted)
                for step in range(steps):
                    of_quad[step] = 0
                for tap in range(starts[position], starts[position + 1]):
                    lane = lanes[tap] + QUAD * quad
                    train = as_uint64(trains + 8 * steps * (np.int64(words[tap]) + (lane >> 6)))
                    shift = np.uint64(lane & 63)
                    for step in range(steps):
                        of_quad[step] += np.uint32((((train[step] >> shift) & NIBBLE) * SPREAD) & ONES)
                counted += 4 * steps


@njit(error_model="numpy")
def sum_products(terms: Any, quads: Any, steps: Any, narrow: Any, count: Any, lanes: Any, tile: Any) -> None:
    """Write the currents of ``count`` positions from ``narrow`` on into ``tile``, (steps, channels and 16 spare).

    ``lanes``: those of one position in a row of the tile.
    """
    tile[:] = 0
    counted, row = np.int64(quads.ctypes.data), 4 * tile.shape[1]
    summed = counted + 4 * (quads.size - AT_ONCE)
    for index in range(len(terms)):
        for place in range(count):
            for block in range(terms[index, SIXTEENS]):
                scale = terms[index, STEPS_OF_WEIGHTS] + 4 * LANES * block
                weights = terms[index, QUAD_WEIGHTS] + 4 * LANES * block * terms[index, QUAD_ROWS]
                lane = place * lanes + (terms[index, FIRST_SIXTEEN] + block) * LANES
                current = np.int64(tile.ctypes.data) + 4 * lane
                for step in range(0, steps, STEPS):
                    store(summed, _sums(terms, index, narrow + place, counted + 4 * step, 4 * steps, weights))
                    _add_scaled(summed, scale, current + step * row, row)
        counted += 4 * steps * terms[index, POSITIONS] * terms[index, QUADS]


@njit(forceinline=True, error_model="numpy")
def _sums(terms: Any, index: Any, position: Any, counted: Any, of_quad: Any, weights: Any) -> Any:
    """Return the sums of `STEPS` steps, 16 channels each, for one position.

    ``counted``: where the first quad of the term lies; ``of_quad``: bytes from one to the next.
    """
    sixteen, sums = zeros(np.int32(0), LANES), zeros(np.int32(0), AT_ONCE)
    starts, segments = as_int32(terms[index, QUAD_STARTS]), as_int32(terms[index, QUAD_SEGMENTS])
    for segment in range(starts[position], starts[position + 1]):
        first, last = np.int64(segments[3 * segment]), np.int64(segments[3 * segment + 1])
        quad, weight = counted + of_quad * first, weights + 4 * LANES * (first - segments[3 * segment + 2])
        for _ in range(last - first):
            sums = plus_dots(sums, quad, load(weight, sixteen))
            quad += of_quad
            weight += 4 * LANES
    return sums


@njit(forceinline=True, error_model="numpy")
def _add_scaled(summed: Any, scale: Any, current: Any, row: Any) -> None:
    """Add the sums of `STEPS` steps, times their scale, to currents that lie ``row`` bytes from each other."""
    kept, sixteen = zeros(np.float32(0), LANES), zeros(np.int32(0), LANES)
    by = load(scale, kept)
    for _ in range(STEPS):
        store(current, add(load(current, kept), mul(by, as_floats(load(summed, sixteen)))))
        summed += 4 * LANES
        current += row
