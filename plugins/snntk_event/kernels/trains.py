"""Trains: the spikes of a block of neurons, a word for each step, the steps side by side.

A train is (images, wide positions, words, steps and some more).  Bit ``lane`` of a word is the neuron in that lane, see
`tiling`; ``places``: how many columns of the map a wide position holds, the lanes of each, and the columns of the map.
Masks hold the same spikes position by position of the map, as events are listed and probes read them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from snntk_event.kernels.compiled import compiled
from snntk_event.kernels.pointers import set_bits


@compiled
def to_masks(trains: Any, places: Any, masks: Any) -> None:
    """Write trains as ``masks``, (images, steps, positions, words)."""
    images, steps, positions, words = masks.shape
    kept = ~np.uint64(0) >> np.uint64(64 - min(64, places[1]))
    for image in range(images):
        for step in range(steps):
            for position in range(positions):
                wide, first = _lane(position, places)
                for word in range(words):
                    lane = first + 64 * word
                    train = trains[image, wide, lane >> 6, step]
                    masks[image, step, position, word] = (train >> np.uint64(lane & 63)) & kept


@compiled
def from_masks(masks: Any, places: Any, trains: Any) -> None:
    """Write ``masks`` as ``trains``."""
    images, steps, positions, words = masks.shape
    trains[:] = 0
    for image in range(images):
        for step in range(steps):
            for position in range(positions):
                wide, first = _lane(position, places)
                for word in range(words):
                    lane = first + 64 * word
                    trains[image, wide, lane >> 6, step] |= masks[image, step, position, word] << np.uint64(lane & 63)


@compiled
def spikes_of_trains(trains: Any, steps: Any) -> Any:
    """Return how many bits are set in the first ``steps`` of trains."""
    total = 0
    for train in trains.reshape(-1, trains.shape[3]):
        for step in range(steps):
            total += np.int64(set_bits(train[step]))
    return total


@njit
def _lane(position: Any, places: Any) -> Any:
    """Return the wide position that holds a position of the map, and its first lane there."""
    group, lanes, columns = places
    row, column = position // columns, position % columns
    return row * (-(-columns // group)) + column // group, column % group * lanes
