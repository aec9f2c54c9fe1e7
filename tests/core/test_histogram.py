"""Histograms: exact under merging, percentiles within a bin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import Graph, Input, Node, Relu, collect
from snntk_core.histogram import BINS, Histogram


def drawn(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(int(rng.integers(1, 200)), 3)) * np.exp2(rng.integers(-6, 7, size=3))


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 200))
def test_parts_add_up_to_the_whole(seed: int, cut: int) -> None:
    rows = drawn(seed)
    whole, parts = Histogram.of(rows), Histogram.of(rows[:cut]) + Histogram.of(rows[cut:])
    np.testing.assert_array_equal(whole.counts, parts.counts)
    np.testing.assert_array_equal(whole.top, parts.top)
    assert whole.counts.sum() == (rows > 0).sum() == whole.merged().counts.sum()


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), percentile=st.floats(1, 100))
def test_a_percentile_is_right_within_a_bin(seed: int, percentile: float) -> None:
    rows = drawn(seed)
    for histogram, columns in ((Histogram.of(rows), rows.T), (Histogram.of(rows).merged(), [rows.ravel()])):
        found = histogram.quantile(percentile)
        for value, top, column in zip(found, histogram.top, columns, strict=True):
            above = np.sort(column[column > 0])
            if not len(above):
                assert value == 0
                continue
            rank = percentile / 100 * len(above)
            low, high = above[max(int(np.ceil(rank)) - 1, 0)], above[min(int(np.floor(rank)), len(above) - 1)]
            assert low - top / BINS * 1.01 <= value <= high + top / BINS * 1.01


def test_nothing_above_zero() -> None:
    histogram = Histogram.of(np.array([[0.0, -1.0]]))
    assert not histogram.counts.any()
    np.testing.assert_array_equal(histogram.quantile(99), [0, 0])
    assert (histogram + Histogram.of(np.array([[3.0, 0.5]]))).top.tolist() == [4, 0.5]


def test_statistics_have_one_where_it_is_asked_for() -> None:
    graph = Graph((Node("in", Input((2, 2))), Node("relu", Relu(), ("in",))))
    batch = np.random.default_rng(0).normal(size=(600, 2, 2))
    found = collect(graph, batch, ["relu"], histograms=True)["relu"]
    assert found.histogram.counts.sum() == (batch > 0).sum()
    assert found.histogram.quantile(100) == pytest.approx(found.maximum, rel=2 / BINS)
    assert collect(graph, batch, ["relu"])["relu"].histogram is None
