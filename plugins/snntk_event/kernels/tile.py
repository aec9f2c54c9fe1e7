"""Currents that are in memory before a block of channels is stepped: of grouped terms, or computed densely."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from snntk_event.kernels.pointers import as_float32, as_int32
from snntk_event.kernels.terms import COLUMNS, GROUPED, KIND, WEIGHTS, WIDTH


@njit(error_model="numpy")
def uses_tile(terms: Any, currents: Any, lanes: Any, group: Any) -> Any:
    """Return whether currents go through a tile: those of grouped terms, and given ones that fill no whole blocks."""
    found = currents.size > 0 and (currents.shape[3] % lanes != 0 or group > 1)
    for index in range(len(terms)):
        found = found or terms[index, KIND] == GROUPED
    return found


@njit(error_model="numpy")
def sum_groups(terms: Any, ends: Any, tile: Any) -> None:
    """Write the sum of the grouped terms of one position into ``tile``, (steps or more, channels)."""
    tile[:] = 0
    for index in range(len(terms)):
        if terms[index, KIND] != GROUPED:
            continue
        weights, columns = as_float32(terms[index, WEIGHTS]), as_int32(terms[index, COLUMNS])
        width = terms[index, WIDTH]
        for step in range(ends.shape[1] - 1):
            rows = as_int32(ends[index, step])
            for at in range((ends[index, step + 1] - ends[index, step]) >> 2):
                row = np.int64(rows[at])
                column = np.int64(columns[row])
                for offset in range(max(0, -column), min(width, tile.shape[1] - column)):
                    tile[step, column + offset] += weights[row * width + offset]


@njit(error_model="numpy")
def copy_currents(currents: Any, image: Any, position: Any, count: Any, lanes: Any, tile: Any) -> None:
    """Write currents, (images, steps, positions, channels), of ``count`` positions into ``tile``."""
    for step in range(currents.shape[1]):
        for place in range(count):
            for channel in range(currents.shape[3]):
                tile[step, place * lanes + channel] = currents[image, step, position + place, channel]
