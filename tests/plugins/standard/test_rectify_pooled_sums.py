"""rectify-pooled-sums: neurons where sums of spikes are about to be pooled."""

from __future__ import annotations

import numpy as np
import pytest

from snntk_core import Add, AveragePool, Context, Graph, Input, MaxPool, Node, Op, Relu, Scale, Subtract, evaluate
from snntk_standard import RectifyPooledSums


def pooled(op: Op, inputs: tuple[str, ...]) -> Graph:
    nodes = (
        Node("input", Input((4, 4, 2))),
        Node("relu", Relu(), "input"),
        Node("other", Scale(np.array([0.5, 2.0])), "relu"),
        Node("sum", op, inputs),
        Node("pool", MaxPool((2, 2)), "sum"),
    )
    return Graph(nodes).verify()


@pytest.mark.parametrize(
    ("op", "inputs"), [(Add(), ("relu", "other")), (AveragePool((3, 3), (1, 1), "same"), ("relu",))]
)
def test_sums_and_means_of_activations_get_a_relu(op: Op, inputs: tuple[str, ...]) -> None:
    graph = pooled(op, inputs)
    after = RectifyPooledSums().apply(graph, Context()).verify()
    assert isinstance(after[after["pool"].inputs[0]].op, Relu)
    x = np.random.default_rng(0).normal(size=(3, 4, 4, 2))
    np.testing.assert_array_equal(evaluate(after, x), evaluate(graph, x))
    assert RectifyPooledSums().apply(after, Context()) is after


@pytest.mark.parametrize(
    ("op", "inputs"), [(Subtract(), ("relu", "other")), (Add(), ("relu", "input")), (Scale(-1.0), ("relu",))]
)
def test_values_that_may_be_negative_stay(op: Op, inputs: tuple[str, ...]) -> None:
    graph = pooled(op, inputs)
    assert RectifyPooledSums().apply(graph, Context()) is graph


def test_pooled_activations_stay() -> None:
    graph = pooled(MaxPool((1, 1)), ("relu",))
    assert RectifyPooledSums().apply(graph, Context()) is graph
