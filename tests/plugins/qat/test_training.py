"""Training with few bits wins back what rounding lost: handwritten digits of scikit-learn, fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest

import snntk
from snntk import qat
from snntk_core import AveragePool, Context, Conv2D, Dense, Flatten, Graph, Input, Node, Relu, evaluate
from snntk_core.errors import Incompatible
from snntk_qat import FineTune

torch = pytest.importorskip("torch", reason="torch is not installed")
datasets = pytest.importorskip("sklearn.datasets", reason="sklearn is not installed")


@pytest.fixture(scope="module")
def digits():
    """Training and test images of 8 x 8 pixels, with labels."""
    found = datasets.load_digits()
    x = (found.data.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], found.target[order].astype(np.int64)
    return x[:1300], y[:1300], x[1300:], y[1300:]


def trained(graph: Graph, x, y, epochs: int, rate: float, start: Graph | None = None) -> Graph:
    """Return the network after some epochs of cross-entropy."""
    torch.manual_seed(0)
    module = qat.torch_module(graph, start=start)
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            scores = module(torch.from_numpy(x)[chosen])
            torch.nn.functional.cross_entropy(scores, torch.from_numpy(y)[chosen]).backward()
            optimizer.step()
    return qat.graph_of(module)


@pytest.fixture(scope="module")
def network(digits) -> Graph:
    """A small LeNet, trained in float."""
    rng = np.random.default_rng(1)

    def drawn(*shape):
        return rng.normal(0, np.prod(shape[:-1]) ** -0.5 * 1.4, shape).astype(np.float32), np.zeros(
            shape[-1], np.float32
        )

    graph = Graph((
        Node("in", Input((8, 8, 1))),
        Node("conv1", Conv2D(*drawn(3, 3, 1, 8), padding="same"), ("in",)),
        Node("relu1", Relu(), ("conv1",)),
        Node("pool", AveragePool((2, 2)), ("relu1",)),
        Node("conv2", Conv2D(*drawn(3, 3, 8, 12)), ("pool",)),
        Node("relu2", Relu(), ("conv2",)),
        Node("flat", Flatten(), ("relu2",)),
        Node("dense", Dense(*drawn(48, 24)), ("flat",)),
        Node("relu3", Relu(), ("dense",)),
        Node("last", Dense(*drawn(24, 10)), ("relu3",)),
    ))  # fmt: skip
    return trained(graph, *digits[:2], epochs=12, rate=5e-3)


def accuracy(graph: Graph, digits) -> float:
    return float((evaluate(graph, digits[2]).argmax(-1) == digits[3]).mean() * 100)


def test_training_in_torch_wins_back_what_three_bits_lost(network, digits) -> None:
    floating = accuracy(network, digits)
    quantized = snntk.quantize(network, weight_bits=3, activation_bits=3, calibration=digits[0][:200])
    before = accuracy(quantized, digits)
    after = trained(quantized, *digits[:2], epochs=10, rate=3e-3, start=network)
    assert floating > 95
    assert before < floating - 5
    assert accuracy(after, digits) > floating - 3
    assert after["conv2"].formats["weight"].bits == 3


def test_training_in_keras_wins_back_what_three_bits_lost(network, digits, keras) -> None:
    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((8, 8, 1)),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.AveragePooling2D(2),
        layers.Conv2D(12, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(24, activation="relu"),
        layers.Dense(10),
    ])  # fmt: skip
    model.set_weights([array for node in network for array in node.op.arrays.values()])
    found = snntk.quantize_keras(model, weight_bits=3, activation_bits=3, calibration=digits[0][:200])
    before = accuracy(snntk.parse(found), digits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    found.compile(keras.optimizers.Adam(3e-3), loss)
    found.fit(digits[0], digits[1], epochs=10, batch_size=32, verbose=0)
    assert before < accuracy(network, digits) - 5
    assert accuracy(snntk.parse(found), digits) > accuracy(network, digits) - 3


def test_fine_tuning_without_labels_lowers_the_error(network, digits) -> None:
    quantized = snntk.quantize(network, weight_bits=3, activation_bits=3, calibration=digits[0][:200])
    said: list[str] = []
    context = Context(digits[0][:300], unquantized=network, note=said.append)
    after = FineTune().apply(quantized, context).verify()
    wanted = evaluate(network, digits[2])
    errors = [float(np.square(evaluate(graph, digits[2]) - wanted).mean()) for graph in (quantized, after)]
    assert errors[1] < errors[0] / 2
    assert after["conv1"].formats["weight"].scale.tolist() == quantized["conv1"].formats["weight"].scale.tolist()
    assert "error of the outputs fell" in said[0]
    assert FineTune().apply(after, context) is after
    again = FineTune().apply(quantized, context)
    np.testing.assert_array_equal(again["last"].op.weight, after["last"].op.weight)


def test_fine_tuning_never_makes_it_worse(network, digits) -> None:
    quantized = snntk.quantize(network, weight_bits=4, activation_bits=4, calibration=digits[0][:200])
    said: list[str] = []
    context = Context(digits[0][:64], unquantized=network, note=said.append)
    after = FineTune(epochs=1, rate=10.0).apply(quantized, context)
    np.testing.assert_array_equal(after["last"].op.weight, quantized["last"].op.weight)
    assert "did not lower the error" in said[0]


def test_fine_tuning_leaves_float_networks_and_refuses_unknown_ones(network, digits) -> None:
    context = Context(digits[0][:64])
    assert FineTune().apply(network, context) is network
    quantized = snntk.quantize(network, weight_bits=4)
    with pytest.raises(Incompatible, match="the float network of this quantized one is not known"):
        FineTune().apply(quantized, context)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"batch": 0}, {"rate": 0.0}, {"seed": -1}])
def test_options_that_cannot_be(options) -> None:
    with pytest.raises(ValueError, match="epochs, batch and rate lie above 0"):
        FineTune(**options)
