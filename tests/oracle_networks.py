"""The network snn_toolbox 0.6.0 was recorded on, from its own normalized parameters or from the trained ones.

The recordings lie outside the project, in the folder that the variable SNNTK_SHARED names.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from snntk_core import (
    AveragePool,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    Input,
    IntegrateFire,
    Node,
    Readout,
    Relu,
    SpikeSource,
)

CONV1, POOL1, CONV2, POOL2, DENSE1, DENSE2 = LAYERS = (
    "00Conv2D_24x24x16",
    "01AveragePooling2D_12x12x16",
    "02Conv2D_10x10x32",
    "03AveragePooling2D_5x5x32",
    "05Dense_64",
    "06Dense_10",
)
"""The spiking layers by their recorded names; the node that fires is called the same."""

STEPS = 50


def recordings(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of one recorded file; skips the test where the recordings are not at hand."""
    shared = os.environ.get("SNNTK_SHARED")
    if not shared:
        pytest.skip("SNNTK_SHARED does not name the folder with the recordings of snn_toolbox")
    with np.load(Path(shared) / "oracles" / "snntoolbox" / name) as arrays:
        return dict(arrays)


def recorded_spikes(golden: dict[str, np.ndarray], layer: str) -> np.ndarray:
    """Return the recorded spike trains of a layer: (batch, units, steps) of bool."""
    packed = golden[f"spikes__{layer}"]
    return np.unpackbits(packed, axis=-1)[..., :STEPS].astype(bool).reshape(len(packed), -1, STEPS)


def snntoolbox_spiking(golden: dict[str, np.ndarray]) -> Graph:
    """Return its spiking network with the parameters it simulated with; average pooling is a population of its own."""

    def parameters(layer: str) -> tuple[np.ndarray, np.ndarray]:
        return golden[f"norm__{layer}__kernel:0"], golden[f"norm__{layer}__bias:0"]

    synapses = {
        CONV1: Conv2D(*parameters(CONV1)),
        POOL1: AveragePool((2, 2)),
        CONV2: Conv2D(*parameters(CONV2)),
        POOL2: AveragePool((2, 2)),
        DENSE1: Dense(*parameters(DENSE1)),
        DENSE2: Dense(*parameters(DENSE2)),
    }
    nodes = [Node("input", SpikeSource((28, 28, 1)))]
    for layer, op in synapses.items():
        if layer == DENSE1:
            nodes.append(Node("flatten", Flatten(), (nodes[-1].name,)))
        nodes += [Node(f"{layer}_current", op, (nodes[-1].name,)), Node(layer, IntegrateFire(), (f"{layer}_current",))]
    return Graph((*nodes, Node("readout", Readout(), (DENSE2,)))).verify()


def snntoolbox_analog(weights: dict[str, np.ndarray]) -> Graph:
    """Return the trained network before conversion, as it was recorded: softmax replaced by ReLU."""
    batchnorm = BatchNorm(
        weights["batch_normalization/moving_mean:0"],
        weights["batch_normalization/moving_variance:0"],
        weights["batch_normalization/gamma:0"],
        weights["batch_normalization/beta:0"],
        1e-3,
    )

    def parameters(layer: str) -> tuple[np.ndarray, np.ndarray]:
        return weights[f"{layer}/kernel:0"], weights[f"{layer}/bias:0"]

    steps = (
        ("conv1", Conv2D(*parameters("conv2d"))),
        ("relu1", Relu()),
        ("pool1", AveragePool((2, 2))),
        ("conv2", Conv2D(*parameters("conv2d_1"))),
        ("batchnorm", batchnorm),
        ("relu2", Relu()),
        ("pool2", AveragePool((2, 2))),
        ("flatten", Flatten()),
        ("dense1", Dense(*parameters("dense"))),
        ("relu3", Relu()),
        ("dense2", Dense(*parameters("dense_1"))),
        ("relu4", Relu()),
    )
    nodes = [Node("input", Input((28, 28, 1)))]
    for name, op in steps:
        nodes.append(Node(name, op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()
