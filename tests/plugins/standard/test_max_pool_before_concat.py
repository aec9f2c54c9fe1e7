"""max-pool-before-concat: branches are pooled one by one, then joined."""

from __future__ import annotations

import numpy as np
import pytest

from snntk_core import Concat, Context, Graph, Input, MaxPool, Node, Relu, Transpose, evaluate
from snntk_standard import MaxPoolBeforeConcat


def joined(axis: int, *, read_twice: bool = False) -> Graph:
    nodes = [
        Node("input", Input((4, 4, 2))),
        Node("relu", Relu(), "input"),
        Node("turned", Transpose((1, 0, 2)), "input"),
        Node("join", Concat(axis), ("relu", "turned")),
        Node("pool", MaxPool((2, 2)), "join"),
    ]
    if read_twice:
        nodes += [Node("also", Relu(), "join"), Node("both", MaxPool((2, 2)), "also")]
        nodes.append(Node("sum", Concat(), ("pool", "both")))
    return Graph(tuple(nodes)).verify()


@pytest.mark.parametrize("axis", [-1, 2])
def test_every_branch_is_pooled(axis: int) -> None:
    graph = joined(axis)
    after = MaxPoolBeforeConcat().apply(graph, Context())
    assert after["pool"].inputs == ("pool_1", "pool_2")
    assert isinstance(after["pool"].op, Concat)
    x = np.random.default_rng(0).normal(size=(3, 4, 4, 2))
    np.testing.assert_array_equal(evaluate(after, x), evaluate(graph, x))
    assert MaxPoolBeforeConcat().apply(after, Context()) is after


@pytest.mark.parametrize("graph", [joined(0), joined(-1, read_twice=True)], ids=["rows joined", "read by another"])
def test_other_joins_stay(graph: Graph) -> None:
    assert MaxPoolBeforeConcat().apply(graph, Context()) is graph
