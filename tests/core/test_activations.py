"""Activations against their equations, written once more with plain Python numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from snntk_core import (
    ActivationOp,
    BinarySigmoid,
    BinaryTanh,
    ClippedRelu,
    Elu,
    FakeQuantize,
    Gelu,
    Graph,
    HardSigmoid,
    HardSwish,
    Input,
    LeakyRelu,
    LocalResponseNormalization,
    Multiply,
    Node,
    PRelu,
    QuantizedRelu,
    Relu,
    Selu,
    Sigmoid,
    Softplus,
    Softsign,
    Swish,
    Tanh,
    ThresholdRelu,
    apply,
    evaluate,
)
from snntk_core.errors import GraphError, ShapeError

GRID = np.linspace(-6, 6, 97)
EQUATIONS: list[tuple[ActivationOp, Callable[[float], float]]] = [
    (Relu(), lambda x: max(x, 0)),
    (ClippedRelu(-1.0, 2.0), lambda x: min(max(x, -1), 2)),
    (LeakyRelu(0.1), lambda x: x if x > 0 else 0.1 * x),
    (PRelu(0.3), lambda x: x if x > 0 else 0.3 * x),
    (Elu(1.5), lambda x: x if x > 0 else 1.5 * (math.exp(x) - 1)),
    (Selu(), lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (math.exp(x) - 1))),
    (Sigmoid(), lambda x: 1 / (1 + math.exp(-x))),
    (HardSigmoid(), lambda x: min(max(0.2 * x + 0.5, 0), 1)),
    (Tanh(), math.tanh),
    (Softplus(), lambda x: math.log(1 + math.exp(x))),
    (Softplus(0.5), lambda x: 0.5 * math.log(1 + math.exp(2 * x))),
    (Softsign(), lambda x: x / (1 + abs(x))),
    (Swish(), lambda x: x / (1 + math.exp(-x))),
    (Swish(2.0), lambda x: x / (1 + math.exp(-2 * x))),
    (HardSwish(), lambda x: x * min(max(x + 3, 0), 6) / 6),
    (Gelu(), lambda x: x * 0.5 * math.erfc(-x / math.sqrt(2))),
    (Gelu(True), lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    (ThresholdRelu(1.0), lambda x: x if x >= 1 else 0),
    (ThresholdRelu(0.5, 2.0), lambda x: min(x, 2) if x >= 0.5 else 0),
    (QuantizedRelu(0.25, 7), lambda x: min(max(round(x * 4), 0), 7) / 4),
    (QuantizedRelu(0.25, 7, "half-down"), lambda x: min(max(math.ceil(x * 4 - 0.5), 0), 7) / 4),
    (FakeQuantize(0.25, -8, 7), lambda x: min(max(round(x * 4), -8), 7) / 4),
    (BinarySigmoid(), lambda x: 1.0 if x > 0 else 0.0),
    (BinaryTanh(), lambda x: 1.0 if x > 0 else -1.0),
]


@pytest.mark.parametrize(("op", "equation"), EQUATIONS, ids=[type(op).__name__ for op, _ in EQUATIONS])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_activation_is_its_equation(op: ActivationOp, equation: Callable[[float], float], dtype: type) -> None:
    y = apply(op, GRID.astype(dtype)[None])
    assert y.dtype == dtype
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(y[0], [equation(float(x)) for x in GRID], rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 40])
def test_a_local_response_is_divided_by_its_neighbors(size: int) -> None:
    op, x = LocalResponseNormalization(size, 0.7, 0.6, 1.5), np.random.default_rng(2).normal(size=(2, 3, 6))
    y = apply(op, x)
    for place in np.ndindex(x.shape):
        first, after = place[-1] - (size - 1) // 2, place[-1] + size // 2 + 1
        near = [float(x[place[:-1]][c]) ** 2 for c in range(max(first, 0), min(after, 6))]
        assert y[place] == pytest.approx(x[place] / (1.5 + 0.7 / size * sum(near)) ** 0.6, rel=1e-12)
    assert apply(op, x.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("op", [LocalResponseNormalization(0), LocalResponseNormalization(bias=0.0)])
def test_a_local_response_that_cannot_be_is_refused(op: LocalResponseNormalization) -> None:
    with pytest.raises(ShapeError, match="LocalResponseNormalization"):
        op.infer((4, 4, 3))


@pytest.mark.parametrize(
    "op",
    [
        QuantizedRelu(0.0),
        QuantizedRelu(np.ones(2)),
        QuantizedRelu(levels=0),
        QuantizedRelu(rounding="up"),
        FakeQuantize(-1.0),
        FakeQuantize(np.ones(2)),
        FakeQuantize(lowest=1),
    ],
)
def test_steps_that_cannot_be_are_refused(op: ActivationOp) -> None:
    with pytest.raises(ShapeError, match=type(op).__name__):
        op.infer((4, 4, 3))


def test_every_channel_has_its_own_step() -> None:
    x = np.full((1, 2, 2), 0.9, np.float32)
    np.testing.assert_array_equal(apply(QuantizedRelu(np.array([0.5, 1.0]), 3), x), [[[1, 1], [1, 1]]])
    np.testing.assert_array_equal(apply(FakeQuantize(np.array([0.5, 0.25]), -2, 2), -x), [[[-1, -0.5], [-1, -0.5]]])


def gate(channels: int) -> Graph:
    nodes = (Node("input", Input((4, 4, 3))), Node("other", Input((1, 1, channels))))
    return Graph((*nodes, Node("product", Multiply(), ("input", "other"))))


def test_a_product_repeats_axes_of_length_one() -> None:
    assert Multiply().infer((4, 4, 3), (1, 1, 3)) == (4, 4, 3)
    x, y = np.full((2, 4, 4, 3), 3.0), np.arange(6.0).reshape(2, 1, 1, 3)
    np.testing.assert_array_equal(apply(Multiply(), x, y)[1, 2, 2], [9, 12, 15])


def test_other_shapes_are_refused() -> None:
    with pytest.raises(GraphError, match="Multiply takes equal shapes"):
        _ = gate(2).shapes


def test_a_network_squares_its_input() -> None:
    graph = Graph((Node("input", Input((3,))), Node("square", Multiply(), ("input", "input")))).verify()
    np.testing.assert_array_equal(evaluate(graph, np.array([[1.0, -2.0, 3.0]])), [[1, 4, 9]])
