"""From bit masks to lists of events, ordered by image, step, position and channel."""

from __future__ import annotations

import numpy as np
from numba import njit

from snntk_event.kernels.pointers import set_bits, trailing_zeros

SPARE = 64  # slots past the last entry, so that a vector may be loaded from any entry


@njit(nogil=True, cache=True, error_model="numpy")
def compact(masks, channels):
    """Return the events of a map as it is: ``entries`` (position * channels + channel) and where each position starts.

    ``masks``: (images, steps, positions, words).  ``starts``: (images, steps, positions + 1).
    """
    images, steps, positions, words = masks.shape
    starts = np.empty((images, steps, positions + 1), np.int32)
    total = 0
    for image in range(images):
        for step in range(steps):
            for position in range(positions):
                starts[image, step, position] = total
                for word in range(words):
                    total += np.int64(set_bits(masks[image, step, position, word]))
            starts[image, step, positions] = total
    entries = np.empty(total + SPARE, np.int32)
    entries[total:] = 0
    at = 0
    for image in range(images):
        for step in range(steps):
            for position in range(positions):
                for word in range(words):
                    bits = masks[image, step, position, word]
                    base = position * channels + word * 64
                    while bits != 0:
                        entries[at] = base + np.int64(trailing_zeros(bits))
                        at += 1
                        bits &= bits - np.uint64(1)
    return entries, starts


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _cut(bits, word, first, channels):
    """Keep of a word what lies in the channels ``first`` to ``first + channels``."""
    low, high = first - word * 64, first + channels - word * 64
    if low > 0:
        bits = (bits >> np.uint64(low)) << np.uint64(low) if low < 64 else np.uint64(0)
    if high < 64:
        bits = bits & ((np.uint64(1) << np.uint64(high)) - np.uint64(1)) if high > 0 else np.uint64(0)
    return bits


@njit(nogil=True, cache=True, error_model="numpy")
def compact_view(masks, map_starts, map_positions, first, channels):
    """Return the events of some channels of a map, each position of the view the sum of positions of the map."""
    images, steps, _, words = masks.shape
    positions = map_starts.size - 1
    starts = np.empty((images, steps, positions + 1), np.int32)
    total = 0
    for image in range(images):
        for step in range(steps):
            for position in range(positions):
                starts[image, step, position] = total
                for tap in range(map_starts[position], map_starts[position + 1]):
                    for word in range(words):
                        bits = _cut(masks[image, step, map_positions[tap], word], word, first, channels)
                        total += np.int64(set_bits(bits))
            starts[image, step, positions] = total
    entries = np.empty(total + SPARE, np.int32)
    entries[total:] = 0
    at = 0
    for image in range(images):
        for step in range(steps):
            for position in range(positions):
                for tap in range(map_starts[position], map_starts[position + 1]):
                    for word in range(words):
                        bits = _cut(masks[image, step, map_positions[tap], word], word, first, channels)
                        base = position * channels + word * 64 - first
                        while bits != 0:
                            entries[at] = base + np.int64(trailing_zeros(bits))
                            at += 1
                            bits &= bits - np.uint64(1)
    return entries, starts
