"""Between maps and what loops and matrix products hold: windows as rows, rows as lanes, and counts out of lanes."""

from __future__ import annotations

import numpy as np

from snntk_event.kernels.compiled import compiled
from snntk_event.kernels.vectors import load, store, zeros

AT_ONCE = 16  # numbers that are copied at once


@compiled
def take_patches(maps, window, counts, patches):
    """Write the windows of ``maps`` (images, rows, columns, channels) one after the other, taps and channels of each.

    ``window``: (kernel, strides, padding before, dilation), two axes each.  ``counts``: windows along the axes.
    ``patches``: one-dimensional, with `AT_ONCE` spare places at the end.
    """
    like = zeros(np.float32(0), AT_ONCE)
    images, rows, columns, channels = maps.shape
    (height, width), (down, right), (top, left), (far_down, far_right) = window
    far = (
        max(rows + top, (counts[0] - 1) * down + (height - 1) * far_down + 1),
        max(columns + left, (counts[1] - 1) * right + (width - 1) * far_right + 1),
    )
    padded = np.zeros(far[0] * far[1] * channels + AT_ONCE, np.float32)
    runs, run = (1, width * channels) if far_right == 1 else (width, channels)
    written = np.int64(patches.ctypes.data)
    for image in range(images):
        for row in range(rows):
            first = ((row + top) * far[1] + left) * channels
            padded[first : first + columns * channels] = maps[image, row].reshape(-1)
        for window_row in range(counts[0]):
            for window_column in range(counts[1]):
                corner = window_row * down * far[1] + window_column * right
                for tap_row in range(height):
                    for tap_column in range(runs):
                        at = corner + tap_row * far_down * far[1] + tap_column * far_right
                        taken = np.int64(padded.ctypes.data) + 4 * channels * at
                        for offset in range(0, 4 * run, 4 * AT_ONCE):
                            store(written + offset, load(taken + offset, like))
                        written += 4 * run


@compiled
def lay_out(rows, bias, places, wide):
    """Write rows (positions of all images, channels) plus ``bias`` (channels,) into lanes, see `tiling`.

    ``wide``: (images, rows of the map, columns in groups, lanes of a column); lanes of no channel stay as they are.
    """
    images, height = wide.shape[:2]
    columns, channels = places[2], rows.shape[1]
    at = 0
    for image in range(images):
        for row in range(height):
            for column in range(columns):
                for channel in range(channels):
                    wide[image, row, column, channel] = rows[at, channel] + bias[channel]
                at += 1


@compiled
def collect(wide, columns, channels, collected):
    """Write what lies in lanes, (images, rows of the map, columns in groups, lanes), into (images, units)."""
    for image in range(wide.shape[0]):
        at = 0
        for row in range(wide.shape[1]):
            for column in range(columns):
                for channel in range(channels):
                    collected[image, at + channel] = wide[image, row, column, channel]
                at += channels
