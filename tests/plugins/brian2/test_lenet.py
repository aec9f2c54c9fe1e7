"""A stranger's LeNet on a power-of-two grid: 20 images, 32 steps, every spike of every layer is that of numpy."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_brian2.simulator import Brian2Simulator
from snntk_core import Graph, IntegrateFire, Probes
from snntk_core.connectivity import spiking_nodes
from snntk_numpy.simulator import NumpySimulator

pytest.importorskip("brian2", reason="brian2 is not installed")

FILES = ("deploy.prototxt", "lenet_iter_10000.caffemodel")
STEP = 2.0**-8


@pytest.fixture(scope="module")
def shared() -> Path:
    folder = os.environ.get("SNNTK_SHARED")
    if not folder:
        pytest.skip("SNNTK_SHARED does not name the folder with strangers' models and the data sets")
    return Path(folder)


def images(shared: Path, part: str, count: int) -> np.ndarray:
    """The first images (n, 1, 28, 28), on a grid of 1/64."""
    with np.load(shared / "data" / f"mnist_{part}.npz") as file:
        return (np.round(file["x"][:count, None] / 255 * 64) / 64).astype(np.float32)


@pytest.fixture(scope="module")
def lenet(shared: Path) -> Graph:
    folder = shared / "models" / "caffe" / "caffe-ethereon-lenet"
    return snntk.convert([folder / name for name in FILES], calibration=images(shared, "train", 100))


def on_grid(graph: Graph, reset: str) -> Graph:
    """The network with rounded weights and this reset; sums of them are exact in single precision."""
    for node in graph:
        arrays = {name: np.round(array / STEP) * STEP for name, array in node.op.arrays.items()}
        chosen = {"reset": reset} if isinstance(node.op, IntegrateFire) else {}
        graph = graph.replace(node.name, replace(node.op, **arrays, **chosen))
    return graph


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_every_spike_of_a_lenet_is_that_of_numpy(shared, lenet, reset):
    graph, batch = on_grid(lenet, reset), images(shared, "test", 20)
    probes = Probes(spikes=spiking_nodes(graph))
    expected = NumpySimulator().compile(graph).run(batch, duration=32, probes=probes)
    with Brian2Simulator().compile(graph) as program:
        got = program.run(batch, duration=32, probes=probes)
    for name, train in expected.spikes.items():
        assert len(train.time) > 10_000
        for part in ("sample", "time", "unit"):
            assert np.array_equal(getattr(got.spikes[name], part), getattr(train, part)), (name, part)
    assert np.array_equal(got.scores.argmax(-1), expected.scores.argmax(-1))
