"""Spiking max pooling on bit masks: whole spike counts decide, as every spike of a window carries the same."""

from __future__ import annotations

import numpy as np

from snntk_event.kernels.compiled import compiled
from snntk_event.kernels.pointers import trailing_zeros


@compiled
def pool_spikes(masks, windows, window_starts, gate, total, largest, counts, pooled, image0, image1):
    """Write into ``pooled`` (images, steps, positions, words) what the windows let through, and count it.

    ``windows``: the positions of each window in the order of its taps, from ``window_starts`` on.  ``total`` (images,
    positions before, channels): spikes so far.  ``largest`` (images, positions after, channels): the largest total of
    each window so far.  ``gate``: the first largest total passes its spike; else the growth of the largest passes.
    """
    steps, positions, words = pooled.shape[1:]
    channels = total.shape[2]
    for image in range(image0, image1):
        for step in range(steps):
            _count(masks[image, step], total[image])
            for position in range(positions):
                begin, end = window_starts[position], window_starts[position + 1]
                for word in range(words):
                    word_of_pool = np.uint64(0)
                    for channel in range(word * 64, min(channels, word * 64 + 64)):
                        best, winner = np.int32(-1), 0
                        for tap in range(begin, end):
                            if total[image, windows[tap], channel] > best:
                                best, winner = total[image, windows[tap], channel], windows[tap]
                        if gate:
                            passes = (masks[image, step, winner, word] >> np.uint64(channel & 63)) & np.uint64(1)
                        else:
                            passes = np.uint64(best > largest[image, position, channel])
                            largest[image, position, channel] = best
                        word_of_pool |= passes << np.uint64(channel & 63)
                        counts[image, position, channel] += np.int32(passes)
                    pooled[image, step, position, word] = word_of_pool


@compiled
def _count(masks, total):
    positions, words = masks.shape
    for position in range(positions):
        for word in range(words):
            bits = masks[position, word]
            while bits != 0:
                total[position, word * 64 + np.int64(trailing_zeros(bits))] += np.int32(1)
                bits &= bits - np.uint64(1)
