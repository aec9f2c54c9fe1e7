"""drop-fake-quantize: rounding goes, quantized ReLUs stay."""

import numpy as np

from snntk_core import Context, FakeQuantize, Graph, Input, Node, QuantizedRelu, evaluate
from snntk_standard import DropFakeQuantize


def test_only_rounding_goes() -> None:
    nodes = (
        Node("in", Input((3,))),
        Node("rounded", FakeQuantize(0.5, -2, 2), "in"),
        Node("relu", QuantizedRelu(0.25, 3), "rounded"),
    )
    graph = Graph(nodes).verify()
    found = DropFakeQuantize().apply(graph, Context()).verify()
    assert [node.name for node in found] == ["in", "relu"]
    np.testing.assert_allclose(evaluate(found, np.array([[0.3, 0.7, -1.0]])), [[0.25, 0.75, 0]])
    assert DropFakeQuantize().apply(found, Context()) is found
