"""From bit masks to lists of events, ordered by image, step, position and channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from snntk_core import Array
from snntk_event.kernels.pointers import as_int32, as_uint64, set_bits, trailing_zeros

SPARE = 64  # slots past the last entry, so that a vector may be loaded from any entry
AT_ONCE = 4  # bits of a word listed without a branch between them: few words have more, and a wrong guess costs as much


def compact(masks: Array, channels: int) -> tuple[Array, Array]:
    """Return the events of a map as it is: ``entries`` (position * channels + channel) and where each position starts.

    ``masks``: (images, steps, positions, words).  ``starts``: (images, steps, positions + 1).
    """
    positions = np.arange(masks.shape[2] + 1, dtype=np.int32)
    return compact_view(masks, positions, positions, 0, channels)


def compact_view(
    masks: Array, map_starts: Array, map_positions: Array, first: int, channels: int
) -> tuple[Array, Array]:
    """Return the events of some channels of a map, each position of the view the sum of positions of the map.

    ``map_positions``: those of each view position, from ``map_starts`` on.  ``first``: the first of ``channels``.
    """
    from_word, to_word = first // 64, -(-(first + channels) // 64)
    kept = np.full(to_word - from_word, ~np.uint64(0))  # the bits of each word that are of these channels
    kept[0] &= ~np.uint64(0) << np.uint64(first % 64)
    kept[-1] &= ~np.uint64(0) >> np.uint64(-(first + channels) % 64)
    starts = np.empty((*masks.shape[:2], map_starts.size), np.int32)
    total = _count(masks, map_starts, map_positions, from_word, kept, starts)
    entries = np.empty(total + SPARE, np.int32)
    _list(masks, map_starts, map_positions, from_word, kept, channels, from_word * 64 - first, entries)
    return entries, starts


@njit(nogil=True, cache=True, error_model="numpy")
def _count(masks: Any, map_starts: Any, map_positions: Any, from_word: Any, kept: Any, starts: Any) -> Any:
    """Write where every position starts and return how many events there are."""
    images, steps, positions, words = masks.shape
    word, start = np.int64(masks.ctypes.data) + 8 * from_word, as_int32(np.int64(starts.ctypes.data))
    first, taps = as_int32(np.int64(map_starts.ctypes.data)), as_int32(np.int64(map_positions.ctypes.data))
    total = 0
    for step in range(images * steps):
        for position in range(map_starts.size - 1):
            start[position] = total
            for tap in range(first[position], first[position + 1]):
                bits = as_uint64(word + 8 * np.int64(taps[tap]) * words)
                for index in range(kept.size):
                    total += np.int64(set_bits(bits[index] & kept[index]))
        start[map_starts.size - 1] = total
        start = as_int32(np.int64(starts.ctypes.data) + 4 * (step + 1) * map_starts.size)
        word += 8 * positions * words
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _list(
    masks: Any, map_starts: Any, map_positions: Any, from_word: Any, kept: Any, channels: Any, offset: Any, entries: Any
) -> None:
    """Write the events; up to three slots past the last one are written, too."""
    images, steps, positions, words = masks.shape
    word, entry = np.int64(masks.ctypes.data) + 8 * from_word, np.int64(entries.ctypes.data)
    first, taps = as_int32(np.int64(map_starts.ctypes.data)), as_int32(np.int64(map_positions.ctypes.data))
    for _ in range(images * steps):
        for position in range(map_starts.size - 1):
            for tap in range(first[position], first[position + 1]):
                for index in range(kept.size):
                    bits = as_uint64(word + 8 * (np.int64(taps[tap]) * words + index))[0] & kept[index]
                    if bits != 0:
                        _list_word(bits, np.int32(position * channels + index * 64 + offset), entry)
                        entry += 4 * np.int64(set_bits(bits))
        word += 8 * positions * words


@njit(forceinline=True)
def _list_word(bits: Any, base: Any, entry: Any) -> None:
    while True:
        slots = as_int32(entry)
        for slot in range(AT_ONCE):
            slots[slot] = base + np.int32(trailing_zeros(bits))
            bits &= bits - np.uint64(1)
        if bits == 0:
            break
        entry += 4 * AT_ONCE
