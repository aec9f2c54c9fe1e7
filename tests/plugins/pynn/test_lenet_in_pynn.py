"""A stranger's LeNet on a power-of-two grid: every spike of every layer is that of numpy, and its script loads."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core import Graph, Probes
from snntk_core.connectivity import spiking_nodes
from snntk_core.registry import Registry
from snntk_core.testing.resets import resetting_to_zero

pytest.importorskip("pyNN", reason="PyNN is not installed")

SIMULATORS = Registry.discover().simulators
FOLDER = Path("models", "caffe", "caffe-ethereon-lenet")
FILES = ("deploy.prototxt", "lenet_iter_10000.caffemodel")
STEP = 2.0**-8  # of weights, biases and thresholds; that of images is 1/64


@pytest.fixture(scope="module")
def shared() -> Path:
    """Return the folder with strangers' models and the data sets."""
    if "SNNTK_SHARED" not in os.environ:
        pytest.skip("SNNTK_SHARED does not name the folder with strangers' models and the data sets")
    return Path(os.environ["SNNTK_SHARED"])


def images(shared: Path, part: str, count: int) -> np.ndarray:
    """Return the first images: (n, 1, 28, 28)."""
    with np.load(shared / "data" / f"mnist_{part}.npz", allow_pickle=False) as file:
        return (np.round(file["x"][:count, None] / 255 * 64) / 64).astype(np.float32)


@pytest.fixture(scope="module")
def lenet(shared) -> Graph:
    """Return the network with neurons that reset to zero."""
    files = [shared / FOLDER / name for name in FILES]
    graph = resetting_to_zero(snntk.convert(files, calibration=images(shared, "train", 100)))
    for node in graph:
        rounded = {name: np.round(array / STEP) * STEP for name, array in node.op.arrays.items()}
        graph = graph.replace(node.name, replace(node.op, **rounded))
    return graph


@pytest.mark.parametrize(("backend", "count"), [("brian2", 20), ("nest", 4)])
def test_every_spike_of_a_lenet_is_that_of_numpy(backend, count, shared, lenet):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    batch, probes = images(shared, "test", count), Probes(spikes=spiking_nodes(lenet))
    with SIMULATORS["numpy"]().compile(lenet) as program:
        expected = program.run(batch, duration=32, probes=probes)
    with SIMULATORS["pynn"](backend=backend).compile(lenet) as program:
        got = program.run(batch, duration=32, probes=probes)
    for name, train in expected.spikes.items():
        assert len(train.time) > 500 * count, name
        for part in ("sample", "time", "unit"):
            np.testing.assert_array_equal(getattr(got.spikes[name], part), getattr(train, part), err_msg=name)
    np.testing.assert_array_equal(got.scores.argmax(-1), expected.scores.argmax(-1))
