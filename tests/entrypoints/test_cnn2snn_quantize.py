"""quantize and quantize_layer against what cnn2snn recorded, on the same trained weights."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    Graph,
    Input,
    MaxPool,
    Node,
    Op,
    Relu,
    Scale,
)
from snntk_uniform import StdPerAxis

CASES = [(4, 4, 8), (2, 2, None), (8, 4, 8), (4, 0, None), (0, 4, None)]


@pytest.fixture
def recorded() -> Path:
    if "SNNTK_SHARED" not in os.environ:
        pytest.skip("SNNTK_SHARED does not name the folder of recorded outputs")
    return Path(os.environ["SNNTK_SHARED"]) / "oracles" / "cnn2snn"


@pytest.fixture
def model(recorded: Path) -> Graph:
    pytest.importorskip("h5py", reason="h5py is not installed")
    return snntk.parse(recorded / "modelA.keras")


@pytest.fixture
def outputs(recorded: Path) -> np.lib.npyio.NpzFile:
    return np.load(recorded / "modelA.npz")


@pytest.mark.parametrize(("weights", "activations", "first"), CASES)
def test_a_network_with_every_number_of_bits(model: Graph, outputs, weights, activations, first) -> None:
    bits = {"weight_bits": weights, "activation_bits": activations, "input_weight_bits": first}
    found = snntk.quantize(model, **bits, weights="max-per-axis", normalize_separable=False)
    expected = outputs[f"q_w{weights}_a{activations}_i{first}/y"]
    np.testing.assert_allclose(snntk.evaluate(found, outputs["x"]), expected, atol=1e-6)


def test_a_network_whose_normalization_stays(model: Graph, outputs) -> None:
    bits = {"weight_bits": 4, "activation_bits": 4, "input_weight_bits": 8}
    found = snntk.quantize(model, **bits, weights="max-per-axis", fold_batchnorm=False, normalize_separable=False)
    assert {"b1", "b2"} <= {node.name for node in found}
    np.testing.assert_allclose(snntk.evaluate(found, outputs["x"]), outputs["q_nofold/y"], atol=1e-6)


def test_a_quantizer_for_each_layer(model: Graph, outputs) -> None:
    def own(node: Node, bits: int) -> StdPerAxis | None:
        return None if node.name.startswith("s2") else StdPerAxis(bits)

    bits = {"weight_bits": 4, "activation_bits": 4, "input_weight_bits": 8}
    found = snntk.quantize(model, **bits, weights="max-per-axis", quantizer_function=own, normalize_separable=False)
    np.testing.assert_allclose(snntk.evaluate(found, outputs["x"]), outputs["q_std_fn/y"], atol=1e-6)


@pytest.mark.parametrize("layer", ["d3", 11])
def test_one_layer_by_its_name_or_its_place_behind_the_input(model: Graph, outputs, layer: str | int) -> None:
    found = snntk.quantize_layer(model, layer, 4, weights="max-per-axis")
    np.testing.assert_allclose(snntk.evaluate(found, outputs["x"]), outputs["quantize_layer_d3_4/y"], atol=1e-6)


def lenet(arrays, case: str) -> Graph:
    """Return the network that version 2.1.6 quantized, its separable convolution normalized already."""

    def of(end: str) -> np.ndarray:
        return next(arrays[key] for key in arrays.files if key.startswith(case) and key.endswith(end))

    ops: list[tuple[str, Op]] = [
        ("rescale", Scale(np.float32(1 / 255))),
        ("c1", Conv2D(of("c1/kernel"), of("c1/bias"), (2, 2), "same")),
        ("r1", Relu()),
        ("s2_depthwise", DepthwiseConv2D(of("depthwise_kernel"), padding="same")),
        ("s2", Conv2D(of("pointwise_kernel"), of("s2/bias"))),
        ("p2", MaxPool((2, 2))),
        ("r2", Relu()),
        ("c3", Conv2D(of("c3/kernel"), of("c3/bias"), padding="same")),
        ("p3", GlobalAveragePool()),
        ("r3", Relu()),
        ("d", Dense(of("d/kernel"), of("d/bias"))),
    ]
    nodes = [Node("in", Input((28, 28, 1)))]
    for name, op in ops:
        nodes.append(Node(name, op, nodes[-1].name))
    return Graph(tuple(nodes)).verify()


@pytest.mark.parametrize(("case", "weights", "activations"), [("w4a4i8", 4, 4), ("w2a2i8", 2, 2), ("w8a4i8", 8, 4)])
def test_version_2_1_with_its_own_defaults(recorded: Path, case: str, weights: int, activations: int) -> None:
    arrays = np.load(recorded / "quantize_lenet_v2.1.6.npz")
    bits = {"weight_bits": weights, "activation_bits": activations, "input_weight_bits": 8}
    found = snntk.quantize(lenet(arrays, case), **bits, weights="max-per-axis")
    expected = arrays[f"{case}/y"]
    np.testing.assert_allclose(snntk.evaluate(found, arrays["img"]), expected, atol=1e-5 * np.abs(expected).max())
