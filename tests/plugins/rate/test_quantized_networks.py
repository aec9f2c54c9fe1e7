"""Quantized networks through normalization and the rate code: the function stays, and formats where they can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import (
    Context,
    Dense,
    DepthwiseConv2D,
    FakeQuantize,
    Graph,
    Input,
    Node,
    NumberFormat,
    QuantizedRelu,
    Relu,
    WeightedOp,
    evaluate,
)
from snntk_core.errors import Incompatible
from snntk_core.quantized_output import rectified, with_output_format
from snntk_core.testing.random_graphs import random_batch, random_graph
from snntk_numpy.simulator import NumpySimulator
from snntk_rate import NormalizeActivations, Rate


def rounded(node: Node) -> Node:
    """Return the node with its weights on a grid of five bits, one step for all."""
    if not isinstance(node.op, WeightedOp):
        return node
    arrays = dict(node.op.arrays)
    formats = {role: NumberFormat.spanning(5, float(np.abs(array).max())) for role, array in arrays.items()}
    arrays = {role: formats[role].round(array) for role, array in arrays.items()}
    return replace(node, op=replace(node.op, **arrays), formats=formats)


def quantized(graph: Graph, rng: np.random.Generator) -> Graph:
    """Return the graph with weights on grids and every activation in some steps."""
    graph = replace(graph, nodes=tuple(map(rounded, graph)))
    for node in list(graph):
        if rectified(node.op):
            kept = NumberFormat.spanning(3, float(rng.uniform(1, 3)), signed=False)
            graph = with_output_format(graph, node.name, kept)
    return graph.verify()


@settings(deadline=None)
@given(seed=st.integers(0, 400), per=st.sampled_from(["channel", "layer"]))
def test_normalization_keeps_every_rounded_value(seed: int, per: str) -> None:
    rng = np.random.default_rng(seed)
    graph = quantized(random_graph(rng, spiking_friendly=True, dtype=np.float32), rng)
    batch = random_batch(rng, graph, 16)
    after = NormalizeActivations(per=per).apply(graph, Context(batch)).verify()
    np.testing.assert_allclose(evaluate(after, batch), evaluate(graph, batch), rtol=1e-5, atol=1e-6)


def network() -> Graph:
    rng = np.random.default_rng(0)

    def dense(*shape: int) -> Dense:
        spread = np.geomspace(0.05, 2, shape[-1]).astype(np.float32)
        return Dense(rng.normal(size=shape).astype(np.float32) * spread, rng.normal(size=shape[-1]) * spread)

    nodes = (
        Node("in", Input((4,))),
        Node("one", dense(4, 6), "in"),
        Node("relu", Relu(), "one"),
        Node("two", dense(6, 6), "relu"),
        Node("relu2", Relu(), "two"),
        Node("three", dense(6, 3), "relu2"),
    )
    return quantized(Graph(nodes), rng)


@pytest.mark.parametrize(("per", "kept"), [("layer", ["one", "two", "three"]), ("channel", ["one"])])
def test_grids_stay_grids_where_all_inputs_are_scaled_alike(per: str, kept: list[str]) -> None:
    graph = network()
    batch = np.random.default_rng(1).normal(size=(64, 4)).astype(np.float32) * 4
    after = NormalizeActivations(per=per).apply(graph, Context(batch)).verify()
    assert [node.name for node in after if "weight" in node.formats] == kept
    for name in kept:
        for role, found in after[name].formats.items():
            old = graph[name].formats[role]
            codes = found.encode(after[name].op.arrays[role])
            np.testing.assert_array_equal(codes, old.encode(graph[name].op.arrays[role]))
    assert all("output" in after[name].formats for name in ("relu", "relu2"))


def test_a_depthwise_grid_stays_whatever_its_channels_get() -> None:
    rng = np.random.default_rng(0)
    weight, spread = rng.normal(size=(3, 3, 3, 1)).astype(np.float32), np.float32([[1], [4], [9]])
    nodes = (
        Node("in", Input((6, 6, 3))),
        Node("depthwise", DepthwiseConv2D(weight * spread), "in"),
        Node("relu", Relu(), "depthwise"),
        Node("again", DepthwiseConv2D(weight), "relu"),
        Node("relu2", Relu(), "again"),
    )
    graph = quantized(Graph(nodes), rng)
    after = NormalizeActivations().apply(graph, Context(rng.normal(size=(32, 6, 6, 3)))).verify()
    assert {name: after[name].formats["weight"].bits for name in ("depthwise", "again")} == {"depthwise": 5, "again": 5}


def test_a_neuron_saturates_where_the_steps_end() -> None:
    spiking = Rate().apply(Graph((Node("in", Input((2,))), Node("relu", QuantizedRelu(0.25, 3), "in"))), Context())
    assert spiking["relu"].op.threshold == 0.75
    np.testing.assert_allclose(evaluate(spiking, np.array([[0.5, 9.0]])), [[0.5, 0.75]])


def test_a_quantized_network_decides_alike_after_many_steps() -> None:
    graph = network()
    batch = np.random.default_rng(1).normal(size=(32, 4)).astype(np.float32) * 2
    spiking = Rate().apply(NormalizeActivations().apply(graph, Context(batch)), Context()).verify()
    assert not any("output" in node.formats for node in spiking)
    with NumpySimulator().compile(spiking) as program:
        scores = program.run(batch, duration=256).scores[:, -1]
    limit = evaluate(spiking, batch)
    assert np.abs(scores - limit).max() < 0.05 * np.abs(limit).max()


def test_other_rounding_is_refused_with_the_way_out() -> None:
    graph = Graph((Node("in", Input((2,))), Node("rounded", FakeQuantize(), "in"), Node("relu", Relu(), "rounded")))
    with pytest.raises(Incompatible, match="drop-fake-quantize"):
        Rate().apply(graph, Context())
