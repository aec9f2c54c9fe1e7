"""Fixed point: Qm.f for weights, biases and outputs of any layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import (
    Dense,
    FakeQuantize,
    Graph,
    Input,
    Node,
    QuantizedRelu,
    Relu,
    Sigmoid,
    Softmax,
    activations,
    evaluate,
)
from snntk_core.errors import OptionError
from snntk_core.quantization import in_turn, quantize_activations, quantize_weights
from snntk_fixedpoint import FixedPoint, FixedPointActivations


@pytest.fixture
def graph() -> Graph:
    rng = np.random.default_rng(0)

    def dense(*shape: int) -> Dense:
        return Dense(rng.normal(size=shape).astype(np.float32), rng.normal(size=shape[-1]).astype(np.float32))

    nodes = (
        Node("in", Input((5,))),
        Node("one", dense(5, 6), "in"),
        Node("relu", Relu(), "one"),
        Node("two", dense(6, 4), "relu"),
        Node("gate", Sigmoid(), "two"),
        Node("softmax", Softmax(), "gate"),
    )
    return Graph(nodes).verify()


def by_hand(x: np.ndarray, m: int, f: int, lowest: float | None = None) -> np.ndarray:
    top = 2.0**m - 2.0**-f
    return np.clip(np.rint(x.astype(np.float64) * 2.0**f) / 2.0**f, -top if lowest is None else lowest, top)


@settings(deadline=None)
@given(m=st.integers(0, 8), f=st.integers(0, 12), seed=st.integers(0, 1000))
def test_weights_and_biases_are_the_equation(m: int, f: int, seed: int) -> None:
    if m + f == 0:
        return
    rng = np.random.default_rng(seed)
    op = Dense(*(rng.normal(size=shape).astype(np.float32) * 3 for shape in ((4, 3), 3)))
    graph = Graph((Node("in", Input((4,))), Node("dense", op, "in")))
    found = quantize_weights(graph, FixedPoint(m, f))["dense"]
    np.testing.assert_array_equal(found.op.weight, by_hand(op.weight, m, f))
    np.testing.assert_array_equal(found.op.bias, by_hand(op.bias, m, f))
    assert {key: fmt.bits for key, fmt in found.formats.items()} == {"weight": 1 + m + f, "bias": 1 + m + f}


@settings(deadline=None)
@given(m=st.integers(0, 6), f=st.integers(0, 8))
def test_a_relu_becomes_the_predecessors(m: int, f: int) -> None:
    if m + f == 0:
        return
    graph = Graph((Node("in", Input((1,))), Node("relu", Relu(), "in")))
    found = quantize_activations(graph, FixedPointActivations(m, f), None)
    x = np.linspace(-2, 2.0 ** (m + 1), 301, dtype=np.float32)
    np.testing.assert_array_equal(evaluate(found, x[:, None])[:, 0], np.maximum(by_hand(x, m, f), 0))
    assert isinstance(found["relu"].op, QuantizedRelu)
    assert found["relu"].op.levels == 2 ** (m + f) - 1


def test_layers_by_pattern_each_with_their_own_format(graph: Graph) -> None:
    pairs = [
        (FixedPoint(0, 7, arrays="weight"), "*"),
        (FixedPoint(2, 3, arrays="weight"), "two"),
        (FixedPoint(4, 11, arrays="bias"), "*"),
        (FixedPointActivations(2, 0), "relu"),
    ]
    for step in in_turn(pairs):
        graph = step.apply(graph, None)
    assert [graph[name].formats["weight"].bits for name in ("one", "two")] == [8, 6]
    assert [graph[name].formats["bias"].bits for name in ("one", "two")] == [16, 16]
    assert graph["relu"].op.levels == 3


def test_every_output_can_be_rounded(graph: Graph) -> None:
    found = quantize_activations(graph, FixedPointActivations(2, 5, outputs="all"), None)
    rounded = [node.name for node in found if isinstance(node.op, FakeQuantize)]
    assert rounded == ["in_rounded", "one_rounded", "two_rounded", "gate_rounded"]
    batch = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    for name, values in activations(found, batch, [*rounded, "relu"]).items():
        assert found[name].formats["output"].honored_by(values)
    assert found.outputs == ("softmax",)


def test_biases_have_their_own_format_and_the_lowest_code_may_be_added(graph: Graph) -> None:
    found = quantize_weights(graph, FixedPoint(0, 3, bias_m=2, bias_f=0, full_range=True))["one"]
    assert found.op.weight.min() == -1
    np.testing.assert_array_equal(found.op.bias, by_hand(graph["one"].op.bias, 2, 0, -4.0))


@pytest.mark.parametrize("options", [{"m": -1}, {"f": -1}, {"m": 0, "f": 0}, {"m": 20, "f": 5}])
@pytest.mark.parametrize("kind", [FixedPoint, FixedPointActivations])
def test_formats_that_cannot_be_are_refused(kind, options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="together 1 to 24"):
        kind.configure(options)
