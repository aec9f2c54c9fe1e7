"""What the source drives the first neurons with is what the core's ops compute, put into lanes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import Conv2D, Dense, Flatten, Graph, Identity, IntegrateFire, Node, Pad, Readout, SpikeSource

pytest.importorskip("numba", reason="the event engine needs numba: pip install 'snntk[event]'")

from snntk_event.currents import currents
from snntk_event.first import first
from snntk_event.memory import Memory
from snntk_event.tiling import alone, tiled


def graph_of(shape, *ops, order=()):
    """Return a source, these ops, neurons and a readout."""
    nodes = [Node("source", SpikeSource(shape, order=order))]
    for name, op in (*ops, ("neurons", IntegrateFire()), ("out", Readout())):
        nodes.append(Node(name, op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()


@st.composite
def convolutions(draw):
    height, width, channels, units = (draw(st.integers(1, most)) for most in (9, 9, 5, 70))
    kernel, strides, dilation = (tuple(draw(st.integers(1, most)) for _ in range(2)) for most in (5, 3, 2))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    least = [max(0, r - n) for r, n in zip(reach, (height, width), strict=True)]
    padding = tuple((less + draw(st.integers(0, 2)), draw(st.integers(0, 2))) for less in least)
    bias = rng.integers(-8, 9, units) / 8 if draw(st.booleans()) else None
    op = Conv2D(rng.integers(-8, 9, (*kernel, channels, units)) / 8, bias, strides, padding, dilation)
    order = draw(st.sampled_from([(), (1, 2, 0)]))
    shape = (channels, height, width) if order else (height, width, channels)
    batch = rng.integers(0, 9, (draw(st.integers(1, 3)), *shape)) / 8
    return graph_of(shape, ("conv", op), order=order), batch


def assert_lanes(graph, batch):
    """The product is what the core's ops compute, in the lanes of the tiling."""
    known, shape = currents(graph), graph.shapes["neurons"]
    expected = known.constant(batch.astype(np.float32))["neurons"]
    tiling = tiled(shape) or alone(shape, 64)
    found = first(graph, known.affine, "neurons", tiling)
    zeros = np.zeros((len(batch), *shape), np.float32)
    memory = Memory()
    memory.take(("neurons", "first"), (len(batch), tiling.positions, tiling.width), np.float32)[...] = np.nan
    got = found.current(batch, memory)
    wide = tiling.steady(zeros if expected is None else expected, shape)
    np.testing.assert_array_equal(got, np.broadcast_to(wide, got.shape))


@settings(max_examples=80, deadline=None)
@given(convolutions())
def test_a_convolution_of_the_source_is_a_product_of_patches(example):
    assert_lanes(*example)


def test_many_images_are_convolved_in_groups(monkeypatch):
    monkeypatch.setattr("snntk_event.first.PATCH_BYTES", 1)
    rng = np.random.default_rng(0)
    op = Conv2D(rng.integers(-8, 9, (3, 3, 2, 6)) / 8, padding="same")
    assert_lanes(graph_of((8, 6, 2), ("conv", op)), rng.integers(0, 9, (5, 8, 6, 2)) / 8)


@pytest.mark.parametrize("before", [(), (("flat", Flatten()),), (("same", Identity()), ("flat", Flatten()))])
def test_a_dense_layer_reads_the_source_as_it_is_or_flat(before):
    rng = np.random.default_rng(1)
    rows = 4 if not before else 24
    op = Dense(rng.integers(-8, 9, (rows, 10)) / 8, rng.integers(-8, 9, 10) / 8)
    assert_lanes(graph_of((2, 3, 4), *before, ("dense", op)), rng.integers(0, 9, (3, 2, 3, 4)) / 8)


def test_what_is_no_single_product_is_left_to_the_core():
    padded = graph_of((4, 4, 2), ("pad", Pad(((1, 1), (0, 0), (0, 0)))), ("conv", Conv2D(np.ones((3, 3, 2, 4)))))
    grouped = graph_of((4, 4, 2), ("conv", Conv2D(np.ones((3, 3, 1, 4)), groups=2)))
    for graph in (padded, grouped, graph_of((4,))):
        shape = graph.shapes["neurons"]
        assert first(graph, currents(graph).affine, "neurons", alone(shape, 64)) is None
