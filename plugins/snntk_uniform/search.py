"""The search for the step with the least squared error: of activations on a histogram, of weights as they are."""

from __future__ import annotations

import numpy as np

from snntk_core import Array
from snntk_core.histogram import Histogram

CANDIDATES = 100
WEIGHT_CANDIDATES = 50  # each is a pass over the weights


def least_squared_error(histogram: Histogram, levels: int, maximum: Array, *, powers_of_two: bool = False) -> Array:
    """Return for each channel the step ``s`` with the least ``sum count * (x - s * clip(round(x / s), 0, levels))^2``.

    The candidates are hundredths of the step that reaches the largest value, or powers of two down to a tenth of a
    percent of it.  Zero for a channel with nothing above zero.  ``maximum``: (channels,), or more where the histogram
    merges them.
    """
    channels = histogram.counts.shape[1]
    largest = np.maximum(maximum if maximum.size == channels else maximum.max(initial=0.0), 0.0).astype(np.float64)
    largest = np.broadcast_to(largest, (channels,))
    full = np.where(largest > 0, largest, 1.0) / levels
    if powers_of_two:
        candidates = [np.exp2(np.ceil(np.log2(full)) - down) for down in range(11)]
    else:
        candidates = [full * (share + 1) / CANDIDATES for share in range(CANDIDATES)]
    errors = np.stack([_error(histogram, step, levels) for step in candidates])
    found = np.stack(candidates)[errors.argmin(axis=0), np.arange(channels)]
    return np.where(largest > 0, found, 0.0)


def _error(histogram: Histogram, step: Array, levels: int) -> Array:
    values = histogram.centers
    rounded = step * np.minimum(np.rint(values / step), levels)
    return np.asarray((histogram.counts * (values - rounded) ** 2).sum(axis=0))


def least_squared_weight_error(weight: Array, shared: tuple[int, ...], highest: int) -> Array:
    """Return the range ``s * highest`` with the least ``sum (w - s * clip(round(w / s), -highest, highest))^2``.

    ``shared``: the axes that share a range.  The candidates are fiftieths of the largest absolute value; of equal ones
    the widest counts.
    """
    magnitude = np.abs(weight).astype(np.float64)
    largest = magnitude.max(axis=shared, initial=0, keepdims=True)
    full = np.where(largest > 0, largest, 1.0) / highest
    best, least = full, np.full(full.shape, np.inf)
    for share in range(WEIGHT_CANDIDATES, 0, -1):
        step = full * (share / WEIGHT_CANDIDATES)
        rounded = step * np.minimum(np.rint(magnitude / step), highest)
        error = np.square(magnitude - rounded).sum(axis=shared, keepdims=True)
        best, least = np.where(error < least, step, best), np.minimum(error, least)
    return np.asarray((np.where(largest > 0, best * highest, 0.0)).squeeze(axis=shared))
