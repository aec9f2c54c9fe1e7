"""Trained networks: the emulator's spikes are those that numpy gives for the same numbers, input currents included."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from end_to_end import strangers

import snntk
from snntk_core import Add, Context, Graph, Node, Probes, SpikeSource
from snntk_core.connectivity import spiking_nodes
from snntk_core.currents import constant_currents
from snntk_loihi.grid import grid_of
from snntk_loihi.limits import UNIT
from snntk_loihi.simulator import LoihiSimulator
from snntk_loihi.tables import bias
from snntk_loihi.transform import LoihiGrid
from snntk_numpy.simulator import NumpySimulator

DEMO = Path(snntk.__file__).parent / "demo"
RECIPE = 'extends = "rate"\n[code]\nname = "rate"\nreset = "zero"\nthreshold = {threshold}\n'


def converted(source, calibration, threshold, folder) -> Graph:
    recipe = folder / "loihi.toml"
    recipe.write_text(RECIPE.format(threshold=float(threshold)), encoding="utf-8")
    return snntk.convert(source, calibration=calibration, recipe=recipe)


def from_currents(graph: Graph, batch) -> tuple[Graph, np.ndarray]:
    """The rounded network from its first neurons on, and the currents that a core gives these neurons."""
    grid = grid_of(graph)
    work, (first,) = grid.graph, [name for name in grid.scale if not grid.network.into(name)]
    (read,) = work[first].inputs
    at = [node.name for node in work].index(first)
    current = constant_currents(work, grid.network.ops, batch)[first]
    raw = bias(current, grid.scale[first], whole=False)
    nodes = (Node(read, SpikeSource(work.shapes[read])), *work.nodes[at:])
    return Graph(nodes), np.ldexp(raw / UNIT, -grid.scale[first]).astype(np.float32)


def assert_equal_spike_for_spike(graph: Graph, batch, steps: int):
    """Return the recording of the emulator, every spike of which is that of numpy."""
    probes = Probes(spikes=spiking_nodes(graph))
    with LoihiSimulator().compile(graph) as program:
        got = program.run(batch, duration=steps, probes=probes)
    reference, currents = from_currents(graph, batch)
    expected = NumpySimulator(workers=1).compile(reference).run(currents, duration=steps, probes=probes)
    for name, train in expected.spikes.items():
        assert len(train.time), name
        for one, other in zip(vars(got.spikes[name]).values(), vars(train).values(), strict=True):
            assert np.array_equal(one, other), name
    assert np.allclose(got.scores, expected.scores, atol=1e-5)
    return got


def test_digits(emulator, tmp_path):
    with np.load(DEMO / "digits.npz") as file:
        x, y, calibration = file["x"][:20], file["y"][:20], file["calibration"]
    graph = converted(DEMO / "digits.onnx", calibration, 8, tmp_path)
    got = assert_equal_spike_for_spike(graph, x, 64)
    assert (got.scores[:, -1].argmax(axis=1) == y).mean() >= 0.95


@pytest.fixture
def lenet():
    """The Caffe LeNet of the manifest, its test images and 100 for calibration."""
    shared = os.environ.get("SNNTK_SHARED")
    if not shared:
        pytest.skip("SNNTK_SHARED does not name the folder with strangers' models and the data sets")
    for library in ("onnx", "google.protobuf", "caffe2onnx"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    folder = Path(shared) / "models" / "caffe" / "caffe-ethereon-lenet"
    spec = importlib.util.spec_from_file_location("load", Path(shared) / "data" / "load.py")
    load = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(load)
    images = [
        (load.mnist(split)[0][:100] / 255).astype(np.float32).reshape(-1, 1, 28, 28) for split in ("test", "train")
    ]
    labels = load.mnist("test")[1][:100]
    return (folder / "deploy.prototxt", folder / "lenet_iter_10000.caffemodel"), images[0], labels, images[1]


def test_lenet(emulator, lenet, tmp_path):
    source, x, y, calibration = lenet
    graph = converted(source, calibration, 4, tmp_path)
    got = assert_equal_spike_for_spike(graph, x[:8], 32)
    assert (got.scores[:, -1].argmax(axis=1) == y[:8]).mean() >= 0.85


def test_a_residual_network(emulator, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    source = strangers.shared() / "models" / "onnx" / "vnn-resnet2b" / "resnet_2b.onnx"
    images = strangers.Stranger("vnn-resnet2b", "cifar10", *strangers.CIFAR)
    x, _ = strangers.samples(images, "test", 6)
    graph = converted(source, strangers.samples(images, "train", 100)[0], 4, tmp_path)
    assert any(isinstance(node.op, Add) for node in graph)
    got = assert_equal_spike_for_spike(graph, x, 128)
    rounded = snntk.simulate(LoihiGrid().apply(graph, Context()), x, steps=128, simulator="numpy")
    assert np.array_equal(got.scores[:, -1].argmax(axis=1), rounded.scores[:, -1].argmax(axis=1))
