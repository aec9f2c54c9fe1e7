"""What nodes put out on calibration data: ranges, moments and exact upper quantiles, in one pass and little memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np

from snntk_core.graph import Graph
from snntk_core.histogram import Histogram
from snntk_core.ops import Array
from snntk_core.reference import as_batch, trace
from snntk_core.shapes import size


@dataclass(frozen=True, eq=False)
class Statistics:
    """One node's output over the calibration samples, channel by channel (the last axis); arrays are (channels,).

    ``tail``: the largest values, ascending, (kept, channels).  ``positive``: how many values were above zero.
    ``count``: values seen for each channel.  ``histogram``: of what is above zero, where it was asked for.
    """

    count: int
    minimum: Array
    maximum: Array
    mean: Array
    deviation: Array
    positive: Array
    tail: Array
    histogram: Histogram | None = None

    @classmethod
    def none(cls) -> Statistics:
        """Return the statistics of no samples: ``count`` is zero, the arrays are empty."""
        empty = np.zeros(0)
        return cls(0, empty, empty, empty, empty, empty, empty)

    def quantile(self, percentile: float, *, per: str = "channel") -> Array:
        """Return the percentile of the values above zero, by linear interpolation: (channels,), or scalar per layer.

        Zero where no value is above zero.  Exact as long as the tail reaches down to it, see `collect`.
        """
        if per == "layer":
            values, positive = np.sort(self.tail.reshape(-1, 1), axis=0), np.asarray([self.positive.sum()])
            return np.asarray(_upper_quantile(values, positive, percentile)[0])
        return _upper_quantile(self.tail, self.positive, percentile)


def _upper_quantile(tail: Array, positive: Array, percentile: float) -> Array:
    """Quantile of the top ``positive`` values of each column; ``tail`` is ascending and ends with the largest."""
    below_top = (1 - percentile / 100) * np.maximum(positive - 1, 0)
    low = np.ceil(below_top).astype(int)
    high = np.floor(below_top).astype(int)
    last, columns = len(tail) - 1, np.arange(tail.shape[1])
    upper, lower = tail[np.maximum(last - high, 0), columns], tail[np.maximum(last - low, 0), columns]
    return np.where(positive > 0, upper + (lower - upper) * (below_top - high), 0.0)


@dataclass
class _Tally:
    keep: int
    histograms: bool = False
    histogram: Histogram | None = None
    count: int = 0
    total: Array | float = 0.0
    square: Array | float = 0.0
    positive: Array | float = 0.0
    minimum: Array | float = np.inf
    tail: Array | None = None

    def add(self, values: Array) -> None:
        rows = values.reshape(-1, values.shape[-1])
        self.count += len(rows)
        wide = rows.astype(np.float64)
        self.total = self.total + wide.sum(axis=0)
        self.square = self.square + (wide * wide).sum(axis=0)
        self.positive = self.positive + (rows > 0).sum(axis=0)
        self.minimum = np.minimum(self.minimum, rows.min(axis=0))
        if self.histograms:
            found = Histogram.of(rows)
            self.histogram = found if self.histogram is None else self.histogram + found
        merged = rows if self.tail is None else np.concatenate([self.tail, rows])
        if len(merged) > self.keep:
            merged = np.partition(merged, len(merged) - self.keep, axis=0)[-self.keep :]
        self.tail = merged

    def finish(self) -> Statistics:
        assert self.tail is not None
        mean = np.asarray(self.total / self.count)
        deviation = np.sqrt(np.maximum(self.square / self.count - mean * mean, 0))
        tail = np.sort(self.tail.astype(np.float64), axis=0)
        lowest, positive = np.asarray(self.minimum), np.asarray(self.positive)
        return Statistics(self.count, lowest, tail[-1], mean, deviation, positive, tail, self.histogram)


def collect(
    graph: Graph,
    batch: Array,
    names: Collection[str],
    *,
    percentile: float = 99.0,
    per: str = "channel",
    histograms: bool = False,
) -> Mapping[str, Statistics]:
    """Return the statistics of ``names`` over a calibration batch in the model's own layout.

    Quantiles from ``percentile`` upward are exact.  With ``per="layer"`` the tail is long enough for a quantile over
    all channels together; per channel it is shorter.  ``histograms``: also count what is above zero in bins.
    """
    batch = as_batch(graph, batch)
    tallies: dict[str, _Tally] = {}
    for name in names:
        shape = graph.shapes[name]
        seen = len(batch) * size(shape) // (1 if per == "layer" else shape[-1])
        tallies[name] = _Tally(keep=ceil((1 - percentile / 100) * seen) + 2, histograms=histograms)
    for part in trace(graph, batch, names):
        for name, values in part.items():
            tallies[name].add(values)
    return {name: tally.finish() for name, tally in tallies.items()}
