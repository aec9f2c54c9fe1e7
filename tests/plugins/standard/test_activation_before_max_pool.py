"""activation-before-max-pool: what never falls moves before every max pooling it follows."""

import numpy as np
import pytest

from snntk_core import (
    AveragePool,
    ClippedRelu,
    Context,
    Conv2D,
    Flatten,
    GlobalMaxPool,
    Graph,
    Input,
    LeakyRelu,
    MaxPool,
    Node,
    NumberFormat,
    Op,
    PRelu,
    Relu,
    Softmax,
    Tanh,
    evaluate,
)
from snntk_standard import ActivationBeforeMaxPool

RNG = np.random.default_rng(0)
CONV = Conv2D(RNG.normal(size=(3, 3, 2, 4)))
PER_CHANNEL = ClippedRelu(RNG.uniform(-1, 0, size=4), RNG.uniform(0.5, 1, size=(1, 1, 4)))
VARYING = ClippedRelu(np.zeros(()), RNG.uniform(0.5, 1, size=(3, 3, 4)))


def rewritten(*ops: Op) -> Graph:
    nodes = [Node("input", Input((8, 8, 2)))]
    for op in ops:
        nodes.append(Node(f"node{len(nodes)}", op, (nodes[-1].name,)))
    graph = Graph(tuple(nodes)).verify()
    after = ActivationBeforeMaxPool().apply(graph, Context()).verify()
    batch = RNG.normal(size=(2, 8, 8, 2))
    np.testing.assert_allclose(evaluate(after, batch), evaluate(graph, batch), atol=1e-12)
    return after


def kinds(graph: Graph) -> list[type[Op]]:
    return [type(node.op) for node in graph.nodes[1:]]


@pytest.mark.parametrize("op", [Relu(), PER_CHANNEL, LeakyRelu(0.1), PRelu(RNG.uniform(size=(1, 1, 4))), Tanh()])
def test_an_activation_that_never_falls_moves(op: Op) -> None:
    after = rewritten(CONV, MaxPool((2, 2)), op)
    assert kinds(after) == [Conv2D, type(op), MaxPool]
    assert [node.name for node in after] == ["input", "node1", "node3", "node2"]
    assert after.outputs == ("node2",)


@pytest.mark.parametrize("op", [LeakyRelu(-0.1), PRelu(RNG.uniform(-1, 0, size=4)), VARYING, Softmax()])
def test_one_that_may_fall_or_varies_over_space_stays(op: Op) -> None:
    assert kinds(rewritten(CONV, MaxPool((2, 2)), op)) == [Conv2D, MaxPool, type(op)]


def test_it_passes_poolings_in_a_row_and_other_activations() -> None:
    after = rewritten(CONV, MaxPool((2, 2)), Relu(), MaxPool((2, 2), (1, 1)), Tanh())
    assert kinds(after) == [Conv2D, Relu, Tanh, MaxPool, MaxPool]


def test_one_value_for_all_passes_a_flatten_and_one_for_each_channel_does_not() -> None:
    assert kinds(rewritten(CONV, GlobalMaxPool(True), Flatten(), Relu())) == [Conv2D, Relu, GlobalMaxPool, Flatten]
    stays = rewritten(CONV, GlobalMaxPool(True), Flatten(), PER_CHANNEL_VECTOR)
    assert kinds(stays) == [Conv2D, GlobalMaxPool, Flatten, ClippedRelu]


PER_CHANNEL_VECTOR = ClippedRelu(np.zeros(()), RNG.uniform(0.5, 1, size=4))


def test_average_pooling_is_no_maximum() -> None:
    assert kinds(rewritten(CONV, AveragePool((2, 2)), Relu())) == [Conv2D, AveragePool, Relu]


def test_a_pooling_that_others_read_stays_where_it_is() -> None:
    nodes = (
        Node("input", Input((4, 4, 1))),
        Node("pool", MaxPool((2, 2)), ("input",)),
        Node("relu", Relu(), ("pool",)),
    )
    graph = Graph(nodes, ("relu", "pool"))
    assert ActivationBeforeMaxPool().apply(graph, Context()) is graph


def test_the_format_of_the_activation_goes_with_it() -> None:
    formats = {"output": NumberFormat(4, 0.1)}
    nodes = (
        Node("input", Input((4, 4, 1))),
        Node("pool", MaxPool((2, 2)), ("input",)),
        Node("relu", Relu(), ("pool",), formats),
    )
    after = ActivationBeforeMaxPool().apply(Graph(nodes), Context())
    assert dict(after["relu"].formats) == formats
