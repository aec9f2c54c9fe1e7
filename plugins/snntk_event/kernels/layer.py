"""One layer of neurons over a chunk of images and steps.

For each position, the spikes of its receptive field become lists of weight rows, once for all steps and channels.  Then
each block of channels goes through all steps with its potentials in registers: sum the rows, step the neurons.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from snntk_core import Array
from snntk_event.kernels.compiled import compiled
from snntk_event.kernels.patterns import sum_patterns
from snntk_event.kernels.pointers import as_int32
from snntk_event.kernels.products import count_quads, room_for_quads, sum_products
from snntk_event.kernels.rows import list_rows, room_for_rows
from snntk_event.kernels.scan import WORD, scan_any, scan_plain
from snntk_event.kernels.terms import FIELDS, GATHER_INTEGERS, KIND, PATTERNS, ROWS, STARTS, STEPS, VIEW
from snntk_event.kernels.tile import copy_currents, sum_groups, uses_tile
from snntk_event.kernels.vectors import zeros

BLOCKS = (16, 32, 64)  # output channels; 64 fill one word of a mask, and 128 are only 7 % faster
WEIGHTS_AT_ONCE = 640 << 10  # bytes of weights that stay in a second-level cache of 1 MiB next to events
EVENTS_AT_ONCE = 256 << 10  # bytes of events and masks that do, too
SPARE = 16  # lanes of a tile past its channels, so that 16 are written from any position on
ALONE = (1, BLOCKS[-1], 1 << 40)  # each position by itself
NO_CURRENTS = np.empty((0, 0, 0, 0), np.float32)
NO_TERMS = np.empty((0, FIELDS), np.int64)
NO_TRAINS = np.empty((0, 0, 0, 0), np.uint64)


def block_size(channels: int, integers: bool = True) -> int:
    """Return how many output channels a layer with ``channels`` computes at once."""
    return next((size for size in BLOCKS if size >= channels), BLOCKS[-1])


def run_layer(
    terms: Array, block: int, constant: Array, threshold: Array, keep: float, reset_zero: bool, refractory: int,
    potential: Array, blocked: Array, counts: Array, masks: Array, trace: Array, channels: int,
    image0: int, image1: int, position0: int, position1: int, places: tuple[int, int, int] = ALONE,
    products: Array = NO_TERMS, trains: Array = NO_TRAINS, patterns: Array = NO_TERMS,
) -> None:  # fmt: skip
    """Run the neurons of some images and positions through all steps of a chunk.

    ``terms``: a table, see `terms`.  ``constant``: (1 or images, 1 or positions, channels).  ``threshold``: (1 or
    positions, channels), infinite where nothing fires.  ``potential``, ``blocked``, ``counts``: (images, positions,
    channels), carried on.  ``masks`` and ``trace``, V after each step: (images, steps, positions, ...), written.
    ``places``: how many columns of the map one position of all these but masks and trace stands for, the lanes of one
    column, and how many columns the map has.  ``products``: a table of terms that are counted as bytes, see `products`.
    ``trains``: (images, positions, words, steps and some more), written in place of masks unless it is empty.
    ``patterns``: a table of terms whose events are of patterns of steps, see `patterns`.
    """
    plain = keep == 1 and not reset_zero and not refractory and not trace.size
    _kernel(block, plain)(
        terms, NO_CURRENTS, products, patterns, constant, threshold,
        (np.float32(keep), bool(reset_zero), np.float32(refractory)),
        potential, blocked, counts, masks, trains, trace, channels, (image0, image1, position0, position1), places,
    )  # fmt: skip


def scan_currents(
    currents: Array, constant: Array, threshold: Array, keep: float, reset_zero: bool, refractory: int,
    potential: Array, blocked: Array, counts: Array, masks: Array, trace: Array, channels: int,
    image0: int, image1: int, position0: int, position1: int, places: tuple[int, int, int] = ALONE,
    trains: Array = NO_TRAINS,
) -> None:  # fmt: skip
    """Step neurons through given currents (images, steps, positions, channels), or, where empty, the constant alone."""
    plain = keep == 1 and not reset_zero and not refractory and not trace.size
    _kernel(block_size(potential.shape[2]), plain)(
        NO_TERMS, currents, NO_TERMS, NO_TERMS, constant, threshold,
        (np.float32(keep), bool(reset_zero), np.float32(refractory)),
        potential, blocked, counts, masks, trains, trace, channels, (image0, image1, position0, position1), places,
    )  # fmt: skip


@cache
def _kernel(lanes: int, plain: bool) -> Any:
    """Return the loop for blocks of ``lanes`` channels; ``plain``: no leak, refractory time, reset to zero, trace."""
    half_lanes = lanes // 2

    @compiled
    def run(
        terms, currents, products, patterns, constant, threshold, neuron, potential, blocked, counts, masks, trains,
        trace, channels, ranges, places,
    ):  # fmt: skip
        like, half = zeros(np.float32(0), lanes), zeros(np.int16(0), half_lanes)
        steps, padded = masks.shape[1], potential.shape[2]
        whole = -(-steps // STEPS) * STEPS
        image0, image1, position0, position1 = ranges
        rows = room_for_rows(terms, potential.shape[1], masks.shape[0], steps)
        ends = np.zeros((len(terms), steps + 1), np.int64)
        uses = uses_tile(terms, currents, lanes, places[0]) or len(products) > 0
        tile = np.zeros((whole if uses else 0, padded + SPARE), np.float32)
        quads = room_for_quads(products, whole)
        of_patterns = -(-steps // 4) * PATTERNS
        pattern_rows = room_for_rows(patterns, potential.shape[1], masks.shape[0], of_patterns)
        pattern_ends = np.zeros((len(patterns), of_patterns + 1), np.int64)
        sums = np.empty((steps + 3) * lanes if len(patterns) else 0, np.float32)
        images_at_once, blocks_at_once = _at_once(terms, patterns, masks, lanes)
        for images in range(image0, image1, images_at_once):
            for first in range(0, padded // lanes, blocks_at_once):
                for image in range(images, min(image1, images + images_at_once)):
                    count_quads(products, image, whole, quads)
                    for position in range(position0, position1):
                        narrow, count = _columns(position, places)
                        list_rows(terms, image, position, steps, rows, ends)
                        list_rows(patterns, image, position, of_patterns, pattern_rows, pattern_ends)
                        if tile.size and currents.size:
                            copy_currents(currents, image, narrow, count, places[1], tile)
                        elif len(products):
                            sum_products(products, quads, whole, narrow, count, places[1], tile)
                        elif tile.size:
                            sum_groups(terms, ends, tile)
                        for block in range(first, min(first + blocks_at_once, padded // lanes)):
                            at, strides = _addresses(
                                constant, threshold, potential, blocked, counts, masks, trains, trace, tile, currents,
                                image, position, block * lanes, narrow, places,
                            )  # fmt: skip
                            if len(patterns):
                                sum_patterns(
                                    patterns, pattern_ends, block, (at[7], strides[2]), sums.ctypes.data, like, half
                                )
                                at, strides = at[:7] + (np.int64(sums.ctypes.data),), strides[:2] + (4 * lanes,)  # noqa: RUF005
                            shared = (count, places[1], min(lanes, channels - block * lanes))
                            if plain:
                                scan_plain(terms, ends, block, at, strides, shared, like, half)
                            else:
                                scan_any(terms, ends, block, at, strides, shared, like, half, neuron)

    return run


@njit(error_model="numpy")
def _columns(position, places):
    """Return the first position of the map that a wide position stands for, and how many."""
    group, _, columns = places
    groups = -(-columns // group)
    column = position % groups * group
    return position // groups * columns + column, min(group, columns - column)


@njit(error_model="numpy")
def _addresses(
    constant, threshold, potential, blocked, counts, masks, trains, trace, tile, currents, image, position,
    channel, narrow, places,
):  # fmt: skip
    """Return where `scan` finds what belongs to a position and the block from ``channel`` on, and the strides."""
    positions, padded = potential.shape[1:]
    of_map = positions if places[0] == 1 else positions // (-(-places[2] // places[0])) * places[2]
    steps, words = masks.shape[1], masks.shape[3]
    at = 4 * ((image * positions + position) * padded + channel)
    of_constant = min(image, constant.shape[0] - 1) * constant.shape[1] + min(position, constant.shape[1] - 1)
    first = image * steps * of_map + narrow  # of the first step
    width = trace.shape[3]
    beside, beside_stride = tile.ctypes.data + 4 * channel, 4 * tile.shape[1]
    if not tile.size:
        beside = currents.ctypes.data + 4 * (first * currents.shape[3] + channel)
        beside_stride = 4 * of_map * currents.shape[3]
    word, word_stride = masks.ctypes.data + 8 * (first * words + channel // 64), 8 * of_map * words
    if trains.size:
        blocks, steps = trains.shape[2:]
        word = trains.ctypes.data + 8 * steps * ((image * positions + position) * blocks + channel // 64)
        word_stride = WORD
    return (
        potential.ctypes.data + at,
        blocked.ctypes.data + at if blocked.size else 0,
        counts.ctypes.data + at if counts.size else 0,
        constant.ctypes.data + 4 * (of_constant * padded + channel),
        threshold.ctypes.data + 4 * (min(position, threshold.shape[0] - 1) * padded + channel),
        word if masks.size or trains.size else 0,
        trace.ctypes.data + 4 * (first * width + channel) if trace.size else 0,
        beside if tile.size or currents.size else 0,
    ), (word_stride, 4 * of_map * width, beside_stride)


@njit(error_model="numpy")
def _at_once(terms, patterns, masks, lanes):
    """Return how many images and blocks of channels run before the next: what they read again stays in the cache."""
    of_block, of_image = 1, 8 * masks.shape[1] * masks.shape[2] * masks.shape[3]
    for table, steps in ((terms, masks.shape[1]), (patterns, -(-masks.shape[1] // 4) * PATTERNS)):
        for index in range(len(table)):
            of_block += table[index, ROWS] * lanes * (1 if table[index, KIND] == GATHER_INTEGERS else 4)
            last = masks.shape[0] * steps * (table[index, VIEW] + 1) - 1
            starts = as_int32(table[index, STARTS])
            of_image += 4 * (starts[last] - starts[0]) // max(1, masks.shape[0])
    return max(1, EVENTS_AT_ONCE // max(1, of_image)), max(1, WEIGHTS_AT_ONCE // of_block)
