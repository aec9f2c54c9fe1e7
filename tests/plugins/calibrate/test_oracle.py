"""Bias correction as cnn2snn does it, and rounding that is better, on the network that cnn2snn calibrated."""

from __future__ import annotations

import numpy as np
import pytest
from calibrated_networks import LAYERS, Arrays, lenet, recorded, recorded_errors, with_two_bits

from snntk_calibrate import AdaptRounding, CorrectBiases
from snntk_calibrate.walking import Layer, walked
from snntk_core import Context, Graph, Node, evaluate
from snntk_core.layer_errors import layer_errors


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return recorded()


@pytest.fixture(scope="module")
def floating(arrays: Arrays) -> Graph:
    return lenet(arrays, "before")


@pytest.fixture(scope="module")
def quantized(floating: Graph) -> Graph:
    return with_two_bits(floating)


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def errors(graph: Graph, floating: Graph, samples: np.ndarray) -> dict[str, float]:
    """Return the squared error of each layer; the halves of a separable convolution are one layer, as there."""
    found = {}

    def measured(layer: Layer) -> Node:
        pairs = zip(layer.outputs(layer.node.op), layer.targets, strict=True)
        found[layer.node.name] = float(np.mean([np.mean((a - b) ** 2, dtype=np.float64) for a, b in pairs]))
        return layer.node

    walked(graph, Context(samples, unquantized=floating), "test", "*", "quantized", measured)
    return found


def test_the_network_and_its_errors_are_the_recorded_ones(arrays: Arrays, floating: Graph, quantized: Graph) -> None:
    np.testing.assert_allclose(softmax(evaluate(quantized, arrays["cal"])), arrays["y_before"], atol=1e-6)
    found = errors(quantized, floating, arrays["cal"])
    np.testing.assert_allclose([found[name] for name in LAYERS], arrays["sampler_before/mse"], rtol=1e-5)
    rows = {row.layer: row for row in layer_errors(floating, quantized, arrays["cal"])}
    alone = [rows[name].single.squared_error.mean() for name in ("c1", "d3", "d4")]
    np.testing.assert_allclose(alone, arrays["sampler_before/mse"][[0, 2, 3]], rtol=1e-5)


def test_corrected_biases_are_the_recorded_ones(arrays: Arrays, floating: Graph, quantized: Graph) -> None:
    context = Context(arrays["cal"], unquantized=floating)
    after, expected = CorrectBiases(reads="quantized").apply(quantized, context), lenet(arrays, "bias_correction")
    for name in LAYERS:
        np.testing.assert_allclose(after[name].op.bias, expected[name].op.bias, atol=1e-6)
    assert after["s2_depthwise"].op.bias is None
    np.testing.assert_allclose(softmax(evaluate(after, arrays["cal"])), arrays["y_bc"], atol=1e-6)


def test_rounding_is_at_least_as_good_as_the_recorded_one(arrays: Arrays, floating: Graph, quantized: Graph) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    context = Context(arrays["cal"], unquantized=floating)
    after = AdaptRounding(reads="quantized").apply(quantized, context)
    found, before = errors(after, floating, arrays["cal"]), errors(quantized, floating, arrays["cal"])
    for name, figures in recorded_errors().items():
        assert found[name] <= figures["mse_adaround"] * 1.0001
        assert found[name] < before[name]
