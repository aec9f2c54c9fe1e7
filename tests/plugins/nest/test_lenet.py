"""A stranger's LeNet with max pooling, its weights on a power-of-two grid: NEST gives every spike that numpy gives."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core import Graph, IntegrateFire, Probes, SpikingMaxPool
from snntk_core.connectivity import spiking_nodes
from snntk_nest.simulator import NestSimulator
from snntk_numpy.simulator import NumpySimulator

for library in ("nest", "caffe2onnx"):
    pytest.importorskip(library, reason=f"{library} is not installed")

SHARED = os.environ.get("SNNTK_SHARED")
IMAGES, STEPS, GRID = 20, 32, 64

pytestmark = pytest.mark.skipif(not SHARED, reason="SNNTK_SHARED does not name the folder with models and data sets")


def mnist(split: str, count: int) -> np.ndarray:
    """The first images on the grid: (n, channels, height, width)."""
    spec = importlib.util.spec_from_file_location("load", Path(SHARED) / "data" / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return on_grid(module.mnist(split)[0][:count, None] / 255)


def on_grid(array: np.ndarray) -> np.ndarray:
    return (np.round(np.asarray(array, np.float64) * GRID) / GRID).astype(np.float32)


@pytest.fixture(scope="module")
def lenet() -> Graph:
    folder = Path(SHARED) / "models" / "caffe" / "caffe-ethereon-lenet"
    files = [folder / "deploy.prototxt", folder / "lenet_iter_10000.caffemodel"]
    graph = snntk.convert(files, calibration=mnist("train", 100))
    assert any(isinstance(node.op, SpikingMaxPool) for node in graph)
    return graph


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_every_spike_of_every_layer_and_step_is_that_of_numpy(lenet, reset):
    nodes = []
    for node in lenet:
        arrays = {name: on_grid(array) for name, array in node.op.arrays.items()}
        fields = arrays | ({"reset": reset} if isinstance(node.op, IntegrateFire) else {})
        nodes.append(replace(node, op=replace(node.op, **fields), formats={}))
    graph = Graph(tuple(nodes), lenet.outputs, lenet.meta)
    batch, probes = mnist("test", IMAGES), Probes(spikes=spiking_nodes(graph))
    expected = NumpySimulator(workers=1).compile(graph).run(batch, duration=STEPS, probes=probes)
    with NestSimulator().compile(graph) as program:
        got = program.run(batch, duration=STEPS, probes=probes)
    for name, train in expected.spikes.items():
        assert len(train.time) > IMAGES
        for key, part in vars(train).items():
            assert np.array_equal(getattr(got.spikes[name], key), part), (name, key)
    assert np.allclose(got.scores, expected.scores, atol=1e-6)
