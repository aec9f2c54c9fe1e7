"""Wide positions hold columns of a map side by side, and their weight rows meet the same events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import Conv2D, Graph, IntegrateFire, Node, Readout, SpikeSource
from snntk_event.lowering import lower
from snntk_event.tiling import alone, tiled, widened


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(2, 9), st.integers(1, 32), st.integers(1, 3), st.booleans())
def test_spread_arrays_are_collected_again(rows, columns, channels, count, one):
    tiling = tiled((rows, columns, channels))
    array = np.random.default_rng(0).random((count, 1 if one else rows * columns, channels)).astype(np.float32)
    wide = tiling.spread(array, np.inf)
    full = np.broadcast_to(wide, (count, tiling.positions, tiling.width))
    expected = np.broadcast_to(array, (count, rows * columns, channels)).reshape(count, -1)
    np.testing.assert_array_equal(tiling.collected(np.ascontiguousarray(full)), expected)
    assert np.isfinite(full).sum() <= expected.size if wide.shape[1] > 1 else np.isfinite(wide).any()


@pytest.mark.parametrize("shape", [(120,), (4, 4, 33), (1, 6), (5, 1, 6)])
def test_what_fills_a_block_or_has_one_column_is_left_alone(shape):
    assert tiled(shape) is None
    assert alone(shape, 64).positions == int(np.prod(shape[:-1]))


def convolution(height, width, channels, units, kernel, strides, padding, dilation):
    """Return the term of a convolution of spikes, and its shape."""
    first = Node("spikes", IntegrateFire(np.float32(1)), ("input",))
    weight = np.random.default_rng(0).normal(size=(kernel, kernel, channels, units)).astype(np.float32)
    op = Conv2D(weight, strides=(strides, strides), padding=padding, dilation=(dilation, dilation))
    graph = Graph(
        (
            Node("input", SpikeSource((height, width, channels))),
            first,
            Node("conv", op, ("spikes",)),
            Node("neurons", IntegrateFire(np.float32(1)), ("conv",)),
            Node("out", Readout(), ("neurons",)),
        ),
        ("out",),
    )
    layer = next(layer for layer in lower(graph).layers if layer.name == "neurons")
    return layer.terms[0], layer.shape


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(3, 8), st.integers(3, 9)),
    st.integers(1, 3),
    st.sampled_from([1, 6, 20]),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(["valid", "same"]),
    st.integers(1, 2),
)
def test_wide_rows_meet_the_events_of_every_column(size, channels, units, kernel, strides, padding, dilation):
    if padding == "valid" and min(size) < dilation * (kernel - 1) + 1:
        return
    term, shape = convolution(*size, channels, units, kernel, strides, padding, dilation)
    tiling = tiled(shape)
    if tiling is None:
        return
    wide = widened(term.segment_starts, term.segments, len(term.weights), channels, tiling)
    assert wide is not None or dilation > 1 or padding == "same"  # at borders, columns may share no row of the kernel
    if wide is None:
        return
    weights = wide.weights(term.weights, 0, tiling)
    events = np.random.default_rng(1).integers(0, 2, size[0] * size[1] * channels).astype(np.float32)
    expected = _currents(term.segment_starts, term.segments, term.weights, events, channels)
    got = _currents(wide.segment_starts, wide.segments, weights, events, channels)
    np.testing.assert_allclose(tiling.collected(got[None])[0], expected.reshape(-1), atol=1e-5)


def _currents(starts, segments, weights, events, channels):
    currents = np.zeros((len(starts) - 1, weights.shape[1]), np.float32)
    for position in range(len(currents)):
        for first, last, base in segments[starts[position] : starts[position + 1]]:
            for entry in range(first * channels, last * channels):
                currents[position] += events[entry] * weights[entry - base]
    return currents
