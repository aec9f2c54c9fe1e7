"""The network that cnn2snn calibrated, and small ones of every weighted op."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from snntk_core import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Graph,
    Input,
    MaxPool,
    Node,
    Op,
    QuantizedRelu,
)
from snntk_core.quantization import quantize_weights
from snntk_uniform import MaxPerAxis

LAYERS = ("c1", "s2", "d3", "d4")
Arrays = dict[str, np.ndarray]


def chain(shape: tuple[int, ...], **ops: Op) -> Graph:
    """Return a chain of named ops on an input."""
    nodes = [Node("input", Input(shape))]
    for name, op in ops.items():
        nodes.append(Node(name, op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()


def folder() -> Path:
    """Return the folder of the recordings; skips the test where they are not at hand."""
    if "SNNTK_SHARED" not in os.environ:
        pytest.skip("SNNTK_SHARED does not name the folder of recorded outputs")
    return Path(os.environ["SNNTK_SHARED"]) / "oracles" / "cnn2snn"


def recorded() -> Arrays:
    """Return what cnn2snn calibrated, and what came out."""
    with np.load(folder() / "calibration.npz") as data:
        return dict(data)


def recorded_errors() -> dict[str, dict[str, float]]:
    """Return the squared error of each layer against its original float weights, for two ways to round."""
    return json.loads((folder() / "adaround_true_mse.json").read_text(encoding="utf-8"))


def lenet(arrays: Arrays, case: str) -> Graph:
    """Return the network with the weights of one case, its activations in 15 steps up to 6."""

    def kernel(name: str, variable: str = "kernel") -> np.ndarray:
        (found,) = (key for key in arrays if key.startswith(f"{case}/") and key.endswith(f"_{name}/{variable}"))
        return arrays[found]

    relu = QuantizedRelu(np.float32(6 / 15), 15, "half-down")
    return chain(
        (14, 14, 1),
        c1=Conv2D(kernel("c1"), kernel("c1", "bias"), padding="same"),
        p1=MaxPool((2, 2)),
        r1=relu,
        s2_depthwise=DepthwiseConv2D(kernel("s2", "depthwise_kernel"), padding="same"),
        s2=Conv2D(kernel("s2", "pointwise_kernel"), kernel("s2", "bias")),
        p2=MaxPool((2, 2), padding="same"),
        r2=relu,
        fl=Flatten(),
        d3=Dense(kernel("d3"), kernel("d3", "bias")),
        r3=relu,
        d4=Dense(kernel("d4"), kernel("d4", "bias")),
    )


def with_two_bits(graph: Graph) -> Graph:
    """Return the network with weights of two bits, four in the first layer, as it was calibrated."""
    return quantize_weights(quantize_weights(graph, MaxPerAxis(4), "c1"), MaxPerAxis(2), "[!c]*")
