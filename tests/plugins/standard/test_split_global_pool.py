"""split-global-pool: global pools become pools over the whole map."""

import numpy as np
import pytest

from snntk_core import AveragePool, Context, GlobalAveragePool, GlobalMaxPool, Graph, Input, MaxPool, Node, Op, evaluate
from snntk_standard import SplitGlobalPool

RNG = np.random.default_rng(0)


def split(shape: tuple[int, ...], op: Op) -> Graph:
    graph = Graph((Node("input", Input(shape)), Node("pool", op, ("input",))))
    after = SplitGlobalPool().apply(graph, Context()).verify()
    batch = RNG.normal(size=(2, *shape))
    np.testing.assert_allclose(evaluate(after, batch), evaluate(graph, batch), atol=1e-12)
    return after


@pytest.mark.parametrize("shape", [(5, 3), (4, 6, 3)])
@pytest.mark.parametrize(("before", "expected"), [(GlobalAveragePool, AveragePool), (GlobalMaxPool, MaxPool)])
def test_a_pool_keeps_its_name_and_a_flatten_drops_axes(shape: tuple[int, ...], before: type, expected: type) -> None:
    kept = split(shape, before(keep_axes=True))
    assert [node.name for node in kept] == ["input", "pool"]
    op = kept["pool"].op
    assert isinstance(op, expected)
    assert op.kernel == shape[:-1]
    assert [node.name for node in split(shape, before())] == ["input", "pool", "pool_flatten"]


def test_a_map_with_more_axes_stays() -> None:
    assert isinstance(split((2, 2, 2, 3), GlobalAveragePool())["pool"].op, GlobalAveragePool)
