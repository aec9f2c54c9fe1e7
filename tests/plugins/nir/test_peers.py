"""A LeNet written as NIR gives in other simulators what it gives here under their reset.

They are no dependency of snntk: the tests skip where they are not installed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nir_peers import PEERS

import snntk
from snntk_core import (
    AveragePool,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    IntegrateFire,
    Node,
    Op,
    Readout,
    SpikeSource,
)

pytest.importorskip("torch", reason="torch is not installed")
nir = pytest.importorskip("nir", reason="nir is not installed")
STEPS, SAMPLES = 24, 3


def on_grid(rng: np.random.Generator, *shape: int, scale: float) -> np.ndarray:
    """Multiples of 1/256: sums in any order are the same."""
    return (np.round(rng.normal(0, scale, shape) * 256) / 256).astype(np.float32)


def lenet(reset: str, threshold: float, amplitude: float) -> Graph:
    """A LeNet whose every neuron begins at zero, with a Dense that has no bias."""
    rng = np.random.default_rng(3)
    neuron = IntegrateFire(np.float32(threshold), amplitude=np.float32(amplitude), reset=reset)
    ops: list[Op] = [
        SpikeSource((1, 28, 28), order=(1, 2, 0)),
        Conv2D(on_grid(rng, 5, 5, 1, 6, scale=0.25), on_grid(rng, 6, scale=0.05)),
        neuron,
        AveragePool((2, 2)),
        Conv2D(on_grid(rng, 5, 5, 6, 16, scale=0.15)),
        neuron,
        AveragePool((2, 2)),
        Flatten(),
        Dense(on_grid(rng, 256, 120, scale=0.12), on_grid(rng, 120, scale=0.05)),
        neuron,
        Dense(on_grid(rng, 120, 10, scale=0.1)),
        replace(neuron, amplitude=np.float32(1)),  # what leaves is not scaled, which none of them reads
        Readout(),
    ]
    nodes = [Node("n00", ops[0])]
    for number, op in enumerate(ops[1:], 1):
        nodes.append(Node(f"n{number:02d}", op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()


def images() -> np.ndarray:
    rng = np.random.default_rng(4)
    values = rng.random((SAMPLES, 1, 28, 28)) * (rng.random((SAMPLES, 1, 28, 28)) < 0.3)
    return (np.round(values * 16) / 16).astype(np.float32)


def counted_here(graph: Graph) -> np.ndarray:
    counts = snntk.simulate(graph, images(), steps=STEPS, simulator="numpy").spike_counts["n11"]
    assert counts.sum() > 5
    return counts


# Simulator, reset, threshold and amplitude.  Where neurons fire above their threshold only, it is never met exactly;
# in snnTorch a potential must not stay above it after a spike, so that one is larger.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("peer", "reset", "threshold", "amplitude"),
    [
        ("sinabs", "subtract", 1.0, 1.0),
        ("norse", "zero", 1 - 2**-18, 1.0),
        ("snnTorch", "subtract", 2.5 - 2**-16, 2.0),
        ("spikingjelly", "zero", 1.0, 1.0),
    ],
)
def test_a_lenet_gives_the_same_spikes(
    peer: str, reset: str, threshold: float, amplitude: float, tmp_path: Path
) -> None:
    graph = lenet(reset, threshold, amplitude)
    snntk.export(graph, tmp_path / "net.nir", simulator="nir")
    counts = [PEERS[peer](nir.read(tmp_path / "net.nir"), image, STEPS).reshape(STEPS, -1).sum(0) for image in images()]
    np.testing.assert_array_equal(np.stack(counts), counted_here(graph))
