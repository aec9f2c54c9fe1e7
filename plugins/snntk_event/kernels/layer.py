"""One layer of neurons over a chunk of images and steps: gather the current of a block of channels, then scan it."""

from __future__ import annotations

import numpy as np
from numba import njit

from snntk_event.kernels.gather import add_term
from snntk_event.kernels.scan import scan


def block_size(channels: int, integers: bool) -> int:
    """Return how many output channels a layer computes at once."""
    largest = 128 if integers else 64
    return next(size for size in (16, 32, 64, 128) if size >= channels or size == largest)


@njit(nogil=True, cache=True, error_model="numpy")
def run_layer(
    terms, block, constant, threshold, keep, reset_zero, refractory, potential, blocked, counts, masks, trace, channels,
    image0, image1, position0, position1,
):  # fmt: skip
    """Run the neurons of some images and positions through all steps of a chunk.

    ``terms``: a table, see `terms`.  ``constant``: (1 or images, 1 or positions, channels).  ``threshold``: (1 or
    positions, channels), infinite where nothing fires.  ``potential``, ``blocked``, ``counts``: (images, positions,
    channels), carried on.  ``masks`` and ``trace``, V after each step: (images, steps, positions, ...), written.
    """
    steps = masks.shape[1]
    tile = np.empty((steps, block), np.float32)
    for image in range(image0, image1):
        for position in range(position0, position1):
            a, b = image if constant.shape[0] > 1 else 0, position if constant.shape[1] > 1 else 0
            if masks.size:
                for step in range(steps):
                    masks[image, step, position, :] = 0
            for first in range(0, channels, block):
                for step in range(steps):
                    for index in range(block):
                        tile[step, index] = constant[a, b, first + index]
                for row in range(terms.shape[0]):
                    add_term(tile, terms[row], image, position, first // block)
                scan(
                    tile, first, image, position, threshold, keep, reset_zero, refractory,
                    (potential, blocked, counts), (masks, trace), channels,
                )  # fmt: skip
