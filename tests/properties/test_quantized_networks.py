"""What holds of any quantized network: it is valid, its outputs are on their grids, and its table gives it back."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import snntk
from snntk_core import FakeQuantize, QuantizedRelu, WeightedOp, activations
from snntk_core.quantization import quantize_activations
from snntk_core.quantized_output import rectified
from snntk_core.testing.random_graphs import random_batch, random_graph
from snntk_fixedpoint import FixedPointActivations

WEIGHTS = ("max", "max-per-axis", "std", "std-per-axis", "least-squares-per-axis", "ternary", "binary", "fixed-point")
ACTIVATIONS = ("discrete-relu", "quantized-relu", "percentile", "minimum-mean-square-error")


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 5000),
    bits=st.integers(2, 8),
    weights=st.sampled_from(WEIGHTS),
    ranges=st.sampled_from(ACTIVATIONS),
)
def test_any_network_by_any_quantizers(seed: int, bits: int, weights: str, ranges: str) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, dtype=np.float32)
    if any(isinstance(node.op, QuantizedRelu) for node in graph):
        return  # it keeps its range, and has no quantizer to speak of
    samples = random_batch(rng, graph, 8).astype(np.float32)
    options = {"weight_bits": bits, "activation_bits": bits, "weights": weights, "activations": ranges}
    found = snntk.quantize(graph, **options, calibration=samples).verify()
    assert all("weight" in node.formats for node in found if isinstance(node.op, WeightedOp))
    assert not any(rectified(node.op) and not isinstance(node.op, QuantizedRelu) for node in found)
    kept = {node.name: node.formats["output"] for node in found if "output" in node.formats}
    for name, values in activations(found, samples, kept).items():
        assert kept[name].honored_by(values), name
    again = snntk.load_quantization(graph, snntk.dump_quantization(found))
    np.testing.assert_array_equal(snntk.evaluate(again, samples), snntk.evaluate(found, samples))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 5000), m=st.integers(0, 4), f=st.integers(1, 8))
def test_every_output_of_any_network_in_fixed_point(seed: int, m: int, f: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, dtype=np.float32)
    samples = random_batch(rng, graph, 4).astype(np.float32)
    found = quantize_activations(graph, FixedPointActivations(m, f, outputs="all"), None)
    kept = {node.name: node.formats["output"] for node in found if "output" in node.formats}
    assert any(isinstance(found[name].op, FakeQuantize) for name in kept)
    for name, values in activations(found, samples, kept).items():
        assert kept[name].honored_by(values), name
