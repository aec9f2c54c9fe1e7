"""A LeNet written as NIR gives in other simulators what it gives here under their reset.

They are no dependency of snntk: the tests skip where they are not installed.
"""

from __future__ import annotations

import numpy as np
import pytest

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

torch = pytest.importorskip("torch", reason="torch is not installed")
nir = pytest.importorskip("nir", reason="nir is not installed")
STEPS, SAMPLES = 24, 3


def on_grid(rng: np.random.Generator, *shape: int, scale: float) -> np.ndarray:
    """Multiples of 1/256: sums in any order are the same."""
    return (np.round(rng.normal(0, scale, shape) * 256) / 256).astype(np.float32)


def lenet(reset: str) -> Graph:
    """A LeNet whose every neuron begins at zero, with a Dense that has no bias."""
    rng = np.random.default_rng(3)
    ops: list[Op] = [
        SpikeSource((1, 28, 28), order=(1, 2, 0)),
        Conv2D(on_grid(rng, 5, 5, 1, 6, scale=0.25), on_grid(rng, 6, scale=0.05)),
        IntegrateFire(reset=reset),
        AveragePool((2, 2)),
        Conv2D(on_grid(rng, 5, 5, 6, 16, scale=0.15)),
        IntegrateFire(reset=reset),
        AveragePool((2, 2)),
        Flatten(),
        Dense(on_grid(rng, 256, 120, scale=0.12), on_grid(rng, 120, scale=0.05)),
        IntegrateFire(reset=reset),
        Dense(on_grid(rng, 120, 10, scale=0.1)),
        IntegrateFire(reset=reset),
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
    assert counts.sum() > 10
    return counts


def test_a_lenet_gives_the_same_in_spikingjelly(tmp_path) -> None:
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange", reason="spikingjelly is not installed")
    graph = lenet("zero")
    snntk.export(graph, tmp_path / "net.nir", simulator="nir")
    network, state, counts = exchange.import_from_nir(tmp_path / "net.nir", dt=1.0), None, 0
    with torch.no_grad():
        for _ in range(STEPS):
            spikes, state = network(torch.from_numpy(images()), state)
            counts = counts + spikes.numpy()
    np.testing.assert_array_equal(counts, counted_here(graph))


def test_a_lenet_gives_the_same_in_sinabs(tmp_path) -> None:
    loader = pytest.importorskip("sinabs.nir", reason="sinabs is not installed")
    activation = pytest.importorskip("sinabs.activation", reason="sinabs is not installed")
    graph = lenet("subtract")
    snntk.export(graph, tmp_path / "net.nir", simulator="nir")
    network = loader.from_nir(nir.read(tmp_path / "net.nir"), batch_size=SAMPLES)
    for module in network.modules():
        if hasattr(module, "spike_fn"):
            module.spike_fn, module.min_v_mem = activation.SingleSpike, None
    repeated = np.repeat(images()[:, None], STEPS, axis=1).reshape(-1, 1, 28, 28)
    with torch.no_grad():
        spikes = network(torch.from_numpy(repeated))[0]
    np.testing.assert_array_equal(spikes.reshape(SAMPLES, STEPS, -1).sum(1).numpy(), counted_here(graph))
