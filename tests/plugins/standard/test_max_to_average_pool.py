"""max-to-average-pool: same windows, the mean instead of the maximum."""

import numpy as np
import pytest

from snntk_core import (
    AveragePool,
    Context,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Input,
    MaxPool,
    Node,
    Op,
    Preserves,
    evaluate,
)
from snntk_core.errors import Incompatible
from snntk_standard import MaxToAveragePool


def rewritten(op: Op) -> Graph:
    graph = Graph((Node("input", Input((5, 5, 2))), Node("pool", op, ("input",))))
    return MaxToAveragePool().apply(graph, Context()).verify()


def test_windows_stay_and_padding_does_not_count() -> None:
    graph = rewritten(MaxPool((3, 3), (2, 2), ((1, 1), (1, 1)), True))
    op = graph["pool"].op
    assert isinstance(op, AveragePool)
    assert (op.kernel, op.strides, op.padding, op.ceil_mode) == ((3, 3), (2, 2), ((1, 1), (1, 1)), True)
    np.testing.assert_allclose(evaluate(graph, np.ones((1, 5, 5, 2))), 1)


def test_global_pools_follow() -> None:
    op = rewritten(GlobalMaxPool(keep_axes=True))["pool"].op
    assert isinstance(op, GlobalAveragePool)
    assert op.keep_axes


def test_a_dilated_window_is_refused_by_name() -> None:
    with pytest.raises(Incompatible, match=r"pool: average pooling has no dilation.*Leave"):
        rewritten(MaxPool((2, 2), dilation=(2, 1)))


def test_it_promises_nothing() -> None:
    assert MaxToAveragePool.preserves is Preserves.NOTHING
