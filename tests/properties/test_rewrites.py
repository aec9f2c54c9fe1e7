"""Every standard rewrite, on random graphs: it keeps its promise, acts once, and leaves its input alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snntk_standard
from snntk_core import Context, Graph, Node, Preserves, Transform, WeightedOp, evaluate
from snntk_core.errors import Incompatible, ShapeError
from snntk_core.shapes import size
from snntk_core.testing.random_graphs import random_batch, random_graph
from snntk_core.testing.random_ops import (
    average_pool,
    chosen,
    convolution,
    dense,
    depthwise,
    flatten,
    pointwise,
    random_input,
    scale,
    transposed,
)
from snntk_standard import FuseConsecutiveLinear

REWRITES = {cls.name: cls() for cls in snntk_standard.snntk_transforms()}
SEEDS = st.integers(0, 2**32 - 1)


def outputs(graph: Graph, batch: np.ndarray) -> list[np.ndarray]:
    return [evaluate(graph, batch, name) for name in graph.outputs]


def assert_close(before: list[np.ndarray], after: list[np.ndarray]) -> None:
    assert [values.shape for values in before] == [values.shape for values in after]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-9, atol=1e-9 * max(1, np.abs(old).max()))


def assert_keeps_its_promises(rewrite: Transform, seed: int, *, spiking_friendly: bool) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, spiking_friendly=spiking_friendly, depth=int(rng.integers(2, 14)))
    batch, text = random_batch(rng, graph), str(graph)
    expected = outputs(graph, batch)
    try:
        after = rewrite.apply(graph, Context()).verify()
    except Incompatible:
        return
    if rewrite.preserves is Preserves.OUTPUT:
        assert_close(expected, outputs(after, batch))
    again = rewrite.apply(after, Context()).verify()
    assert str(again) == str(after)
    assert_close(outputs(after, batch), outputs(again, batch))
    assert str(graph) == text
    assert_close(expected, outputs(graph, batch))


@pytest.mark.parametrize("name", REWRITES)
@given(seed=SEEDS)
@settings(max_examples=150, deadline=None)
def test_a_rewrite_keeps_its_promises(name: str, seed: int) -> None:
    assert_keeps_its_promises(REWRITES[name], seed, spiking_friendly=False)


@pytest.mark.parametrize("name", REWRITES)
@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_rewrite_keeps_its_promises_on_what_a_rate_code_converts(name: str, seed: int) -> None:
    assert_keeps_its_promises(REWRITES[name], seed, spiking_friendly=True)


@given(seed=SEEDS)
@settings(max_examples=150, deadline=None)
def test_all_rewrites_in_their_order_keep_the_output(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, depth=16)
    batch, after = random_batch(rng, graph), graph
    for rewrite in REWRITES.values():
        if rewrite.preserves is Preserves.OUTPUT:
            after = rewrite.apply(after, Context(batch)).verify()
    assert_close(outputs(graph, batch), outputs(after, batch))


LINEAR = (convolution, convolution, depthwise, pointwise, transposed, dense, average_pool, flatten, scale)


@given(seed=SEEDS)
@settings(max_examples=300, deadline=None)
def test_a_chain_of_linear_ops_becomes_one_weighted_op(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes = [Node("input", random_input(rng))]
    shape = nodes[0].op.infer()
    for _ in range(4):
        try:
            op = chosen(rng, LINEAR)(rng, shape)
            after = op.infer(shape)
        except ShapeError:
            continue
        if min(after) > 0 and size(after) <= 600:
            shape = after
            nodes.append(Node(f"node{len(nodes)}", op, (nodes[-1].name,)))
    graph = Graph(tuple(nodes)).verify()
    fused = FuseConsecutiveLinear().apply(graph, Context()).verify()
    batch = random_batch(rng, graph)
    assert_close(outputs(graph, batch), outputs(fused, batch))
    before, after_count = (sum(isinstance(n.op, WeightedOp) for n in g) for g in (graph, fused))
    assert after_count == min(before, 1)


@pytest.mark.parametrize("name", REWRITES)
@given(seed=SEEDS, friendly=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_rewrite_says_where_every_node_came_from(name: str, seed: int, friendly: bool) -> None:
    graph = random_graph(np.random.default_rng(seed), spiking_friendly=friendly)
    nodes = tuple(replace(node, origin=(node.name,)) for node in graph)
    graph = replace(graph, nodes=nodes, layers={node.name: type(node.op).__name__ for node in graph})
    try:
        after = REWRITES[name].apply(graph, Context())
    except Incompatible:
        return
    assert after.layers == graph.layers
    for node in after:
        assert node.origin, node.name
        assert set(node.origin) <= set(graph.layers), node.name
