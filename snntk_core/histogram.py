"""Histograms of what is above zero, channel by channel, that grow with the data and can be merged exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core.ops import Array

BINS = 2048


@dataclass(frozen=True, eq=False)
class Histogram:
    """``counts[j, c]`` values of channel ``c`` lie in ``[j, j + 1) * top[c] / bins``; the last bin includes ``top``.

    ``counts``: (bins, channels).  ``top``: (channels,), powers of two, so that a wider histogram of the same values is
    a sum of bins of the narrower one, and the order of the samples does not matter.
    """

    counts: Array
    top: Array

    @classmethod
    def of(cls, rows: Array, bins: int = BINS) -> Histogram:
        """Return the histogram of ``rows``, (values, channels); what is not above zero is left out."""
        channels = rows.shape[1]
        largest = np.maximum(rows.max(axis=0, initial=0.0), 0.0).astype(np.float64)
        top = np.exp2(np.ceil(np.log2(np.where(largest > 0, largest, 1.0))))
        place = np.minimum((rows * (bins / top)).astype(np.int64), bins - 1) + np.arange(channels) * bins
        found = np.bincount(place[rows > 0], minlength=bins * channels)
        return cls(found.reshape(channels, bins).T, np.where(largest > 0, top, 0.0))

    def __add__(self, other: Histogram) -> Histogram:
        """Return the histogram of the values of both."""
        top = np.maximum(self.top, other.top)
        return Histogram(_widened(self, top) + _widened(other, top), top)

    def merged(self) -> Histogram:
        """Return the histogram of all channels together, with one channel."""
        top = np.broadcast_to(self.top.max(initial=0.0), self.top.shape)
        return Histogram(_widened(self, top).sum(axis=1, keepdims=True), top[:1])

    @property
    def centers(self) -> Array:
        """The middle of every bin: (bins, channels)."""
        bins = len(self.counts)
        return (np.arange(bins)[:, None] + 0.5) * self.top / bins

    def quantile(self, percentile: float) -> Array:
        """Return the percentile of the values above zero, interpolated within its bin: (channels,); zero without any.

        It is off by a bin at most, that is by the largest value over the number of bins.
        """
        bins, channels = self.counts.shape
        total = np.cumsum(self.counts, axis=0)
        wanted = total[-1] * (percentile / 100)
        place = np.minimum((total < wanted).sum(axis=0), bins - 1)
        columns = np.arange(channels)
        inside = np.maximum(self.counts[place, columns], 1)
        share = (wanted - (total[place, columns] - self.counts[place, columns])) / inside
        return np.where(total[-1] > 0, (place + np.clip(share, 0, 1)) * self.top / bins, 0.0)


def _widened(histogram: Histogram, top: Array) -> Array:
    """Return the counts under a ``top`` that is as large or larger."""
    counts = histogram.counts
    bins, channels = counts.shape
    factor = np.where(histogram.top > 0, top / np.where(histogram.top > 0, histogram.top, 1.0), 1.0).astype(np.int64)
    if (factor == 1).all():
        return counts
    place = np.arange(bins)[:, None] // factor + np.arange(channels) * bins
    merged = np.bincount(place.ravel(), weights=counts.ravel(), minlength=bins * channels)
    return merged.reshape(channels, bins).T.astype(np.int64)
