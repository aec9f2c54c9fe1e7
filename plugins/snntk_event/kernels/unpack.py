"""From bit masks to what the spikes carry, for layers that are computed densely and for probes."""

from __future__ import annotations

import numpy as np

from snntk_event.kernels.compiled import compiled
from snntk_event.kernels.pointers import trailing_zeros


@compiled
def unpack(masks, amplitude, values):
    """Write into ``values`` (images, steps, positions, channels) the amplitude where a unit spiked, and zero elsewhere.

    ``amplitude``: (1 or positions, channels).
    """
    images, steps, positions, words = masks.shape
    for image in range(images):
        for step in range(steps):
            for position in range(positions):
                row = position if amplitude.shape[0] > 1 else 0
                values[image, step, position, :] = 0
                for word in range(words):
                    bits = masks[image, step, position, word]
                    while bits != 0:
                        channel = word * 64 + np.int64(trailing_zeros(bits))
                        values[image, step, position, channel] = amplitude[row, channel]
                        bits &= bits - np.uint64(1)


@compiled
def pack(fired, masks):
    """Write the bits of ``fired`` (images, steps, positions, channels) into ``masks``."""
    images, steps, positions, channels = fired.shape
    for image in range(images):
        for step in range(steps):
            for position in range(positions):
                masks[image, step, position, :] = 0
                for channel in range(channels):
                    if fired[image, step, position, channel]:
                        masks[image, step, position, channel >> 6] |= np.uint64(1) << np.uint64(channel & 63)


@compiled
def count_events(entries, starts, counts):
    """Add one to ``counts`` (images * steps, positions or more, channels) for each event of a view."""
    images, steps, positions = starts.shape
    channels = counts.shape[2]
    for image in range(images):
        for step in range(steps):
            row = image * steps + step
            for at in range(starts[image, step, 0], starts[image, step, positions - 1]):
                position, channel = divmod(np.int64(entries[at]), channels)
                counts[row, position, channel] += np.float32(1)
