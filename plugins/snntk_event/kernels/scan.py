"""``V <- (1 - leak) V + I``; a spike where ``V >= threshold``; then the reset: all steps of a block of channels."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def scan(tile, first, image, position, threshold, keep, reset_zero, refractory, state, out, channels):
    """Step the neurons of the channels from ``first`` on through ``tile`` (steps, channels of the block).

    ``state``: potential, blocked, counts; ``out``: masks, trace.  See `layer.run_layer`.
    """
    potential, blocked, counts = state
    masks, trace = out
    steps, count = tile.shape
    row = position if threshold.shape[0] > 1 else 0
    for index in range(min(count, channels - first)):
        channel = first + index
        v, limit = potential[image, position, channel], threshold[row, channel]
        rest = blocked[image, position, channel] if blocked.size else np.int32(0)
        fired_steps = 0
        for step in range(steps):
            fired = False
            if rest > 0:
                rest -= 1
            else:
                if keep != np.float32(1):
                    v = v * keep
                v = v + tile[step, index]
                fired = v >= limit
            if fired:
                v = np.float32(0) if reset_zero else v - limit
                rest = np.int32(refractory)
                fired_steps += 1
                masks[image, step, position, channel >> 6] |= np.uint64(1) << np.uint64(channel & 63)
            if trace.size:
                trace[image, step, position, channel] = v
        potential[image, position, channel] = v
        if blocked.size:
            blocked[image, position, channel] = rest
        if counts.size:
            counts[image, position, channel] += fired_steps


@njit(nogil=True, cache=True, error_model="numpy")
def scan_currents(
    currents, constant, threshold, keep, reset_zero, refractory, potential, blocked, counts, masks, trace, channels,
    image0, image1, position0, position1,
):  # fmt: skip
    """Step neurons through given currents (images, steps, positions, channels), or through the constant ones alone."""
    steps = masks.shape[1]
    tile = np.empty((steps, channels), np.float32)
    for image in range(image0, image1):
        for position in range(position0, position1):
            a, b = image if constant.shape[0] > 1 else 0, position if constant.shape[1] > 1 else 0
            for step in range(steps):
                if masks.size:
                    masks[image, step, position, :] = 0
                for channel in range(channels):
                    tile[step, channel] = constant[a, b, channel]
                    if currents.size:
                        tile[step, channel] += currents[image, step, position, channel]
            scan(
                tile, 0, image, position, threshold, keep, reset_zero, refractory,
                (potential, blocked, counts), (masks, trace), channels,
            )  # fmt: skip
