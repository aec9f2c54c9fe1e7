"""From bit masks to lists of events, ordered by image, step, position and channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from snntk_core import Array
from snntk_event.kernels.compiled import compiled
from snntk_event.kernels.pointers import as_int32, as_uint64, set_bits, trailing_zeros

SPARE = 64  # slots past the last entry, so that a vector may be loaded from any entry
AT_ONCE = 4  # bits of a word listed without a branch between them: few words have more, and a wrong guess costs as much


@dataclass(frozen=True, eq=False)
class Listing:
    """How a view is listed.

    ``map_positions``: those of each view position, from ``map_starts`` on, at most ``taps`` of them.  ``kept``: the
    bits that are of the ``channels`` of the view, of each word from ``from_word`` on.  ``offset``: the channel of the
    view that is the first bit of the first word.
    """

    map_starts: Array
    map_positions: Array
    taps: int
    from_word: int
    kept: Array
    channels: int
    offset: int


def listing(map_starts: Array, map_positions: Array, first: int, channels: int) -> Listing:
    """Return how ``channels`` of a map from ``first`` on are listed."""
    from_word, to_word = first // 64, -(-(first + channels) // 64)
    kept = np.full(to_word - from_word, ~np.uint64(0))
    kept[0] &= ~np.uint64(0) << np.uint64(first % 64)
    kept[-1] &= ~np.uint64(0) >> np.uint64(-(first + channels) % 64)
    taps = int(np.bincount(map_positions, minlength=1).max())
    return Listing(map_starts, map_positions, taps, from_word, kept, channels, from_word * 64 - first)


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
    how = listing(map_starts, map_positions, first, channels)
    entries = np.empty(set_bits_of(masks) * how.taps + SPARE, np.int32)
    starts = np.empty((*masks.shape[:2], map_starts.size), np.int32)
    list_events(masks, how, entries, starts)
    return entries[: starts[-1, -1, -1] + SPARE], starts


def list_events(masks: Array, how: Listing, entries: Array, starts: Array) -> None:
    """Write events into ``entries``, room for every spike ``taps`` times and `SPARE` more, and ``starts``."""
    _list(masks, how.map_starts, how.map_positions, how.from_word, how.kept, how.channels, how.offset, entries, starts)


@compiled
def add_weighed(counts: Any, synapses: Any, total: Any) -> None:
    """Add to ``total`` (images,) the counts (images, units) times the synapses of each unit."""
    for image in range(counts.shape[0]):
        made = np.int64(0)
        for unit in range(counts.shape[1]):
            made += np.int64(counts[image, unit]) * synapses[unit]
        total[image] += made


@compiled
def set_bits_of(masks: Any) -> Any:
    """Return how many bits are set."""
    total = 0
    for word in masks.reshape(-1):
        total += np.int64(set_bits(word))
    return total


@compiled
def _list(
    masks: Any, map_starts: Any, map_positions: Any, from_word: Any, kept: Any, channels: Any, offset: Any,
    entries: Any, starts: Any,
) -> None:  # fmt: skip
    """Write the events and where every position starts; a few slots past the last event are written, too.

    Positions of few channels that are summed are listed together: ``lanes`` bits of a word for each.
    """
    images, steps, positions, words = masks.shape
    word, entry = np.int64(masks.ctypes.data) + 8 * from_word, np.int64(entries.ctypes.data)
    first, taps = as_int32(np.int64(map_starts.ctypes.data)), as_int32(np.int64(map_positions.ctypes.data))
    lanes = 64
    while kept.size == 1 and lanes >= 2 * (channels - offset):
        lanes >>= 1
    start, zero = np.int64(starts.ctypes.data), entry
    for _ in range(images * steps):
        for position in range(map_starts.size - 1):
            as_int32(start)[position] = (entry - zero) >> 2
            bits, shift, base = np.uint64(0), 0, np.int32(position * channels + offset)
            for tap in range(first[position], first[position + 1]):
                for index in range(kept.size):
                    found = as_uint64(word + 8 * (np.int64(taps[tap]) * words + index))[0] & kept[index]
                    bits |= found << np.uint64(shift)
                    shift += lanes
                    if shift == 64:
                        entry = _list_word(bits, base + np.int32(index * 64), lanes - 1, entry)
                        bits, shift = np.uint64(0), 0
            entry = _list_word(bits, base, lanes - 1, entry)
        as_int32(start)[map_starts.size - 1] = (entry - zero) >> 2
        start += 4 * map_starts.size
        word += 8 * positions * words


@njit(forceinline=True)
def _list_word(bits: Any, base: Any, kept: Any, entry: Any) -> Any:
    """List the bits of a word and return where the next event goes."""
    end = entry + 4 * np.int64(set_bits(bits))
    while bits != 0:
        slots = as_int32(entry)
        for slot in range(AT_ONCE):
            slots[slot] = base + (np.int32(trailing_zeros(bits)) & np.int32(kept))
            bits &= bits - np.uint64(1)
        entry += 4 * AT_ONCE
    return end
