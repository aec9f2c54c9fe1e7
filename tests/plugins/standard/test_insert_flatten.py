"""insert-flatten: a Dense reads vectors; on a map it is a convolution."""

import numpy as np

from snntk_core import (
    Context,
    Conv1D,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    Input,
    Node,
    Op,
    PRelu,
    Relu,
    Reshape,
    Softmax,
    evaluate,
)
from snntk_standard import InsertFlatten

RNG = np.random.default_rng(0)


def rewritten(shape: tuple[int, ...], *ops: Op) -> list[Op]:
    nodes = [Node("input", Input(shape))]
    for op in ops:
        nodes.append(Node(f"node{len(nodes)}", op, (nodes[-1].name,)))
    graph = Graph(tuple(nodes)).verify()
    after = InsertFlatten().apply(graph, Context()).verify()
    batch = RNG.normal(size=(2, *shape))
    np.testing.assert_allclose(evaluate(after, batch), evaluate(graph, batch), atol=1e-12)
    return [node.op for node in after.nodes[1:]]


def dense(inputs: int, units: int) -> Dense:
    return Dense(RNG.normal(size=(inputs, units)), RNG.normal(size=units))


def kinds(ops: list[Op]) -> list[type[Op]]:
    return [type(op) for op in ops]


def test_a_dense_on_a_vector_stays() -> None:
    assert kinds(rewritten((4,), dense(4, 3))) == [Dense]


def test_a_dense_on_a_map_is_a_convolution_with_kernel_one() -> None:
    assert kinds(rewritten((5, 4), dense(4, 3))) == [Conv1D]
    assert kinds(rewritten((1, 5, 4), dense(4, 3), Relu(), dense(3, 2))) == [Conv2D, Relu, Conv2D]


def test_axes_of_length_one_are_dropped_and_restored_at_the_end() -> None:
    ops = rewritten((1, 1, 4), dense(4, 3), Relu(), dense(3, 2), Softmax())
    assert kinds(ops) == [Flatten, Dense, Relu, Dense, Softmax, Reshape]


def test_a_flatten_that_follows_takes_the_reshape_away() -> None:
    assert kinds(rewritten((1, 1, 4), dense(4, 3), Relu(), Flatten(), dense(3, 2))) == [Flatten, Dense, Relu, Dense]


def test_what_depends_on_the_axes_keeps_them() -> None:
    ops = rewritten((1, 1, 4), dense(4, 3), PRelu(RNG.uniform(size=(1, 1, 3))))
    assert kinds(ops) == [Flatten, Dense, Reshape, PRelu]


def test_a_dense_on_many_axes_stays() -> None:
    assert kinds(rewritten((2, 2, 2, 4), dense(4, 3))) == [Dense]
