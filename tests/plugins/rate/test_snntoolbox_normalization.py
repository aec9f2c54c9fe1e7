"""The whole conversion, from trained weights, against what snn_toolbox did with them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from snntk_core import Context, Graph, Probes, Recording
from snntk_numpy.simulator import NumpySimulator
from snntk_rate import NormalizeActivations, Rate
from snntk_standard import FoldBatchnorm

FACTORS = {
    "relu1": 0.6141302680969289,
    "relu2": 4.214125964641593,
    "relu3": 10.940714981079124,
    "relu4": 20.334059715271213,
}
NAMES = {
    "relu1": "00Conv2D_24x24x16",
    "pool1_spikes": "01AveragePooling2D_12x12x16",
    "relu2": "02Conv2D_10x10x32",
    "pool2_spikes": "03AveragePooling2D_5x5x32",
    "relu3": "05Dense_64",
    "relu4": "06Dense_10",
}


def _oracle() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "oracle_networks.py"
    spec = importlib.util.spec_from_file_location("oracle_networks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


oracle = _oracle()


@pytest.fixture(scope="module")
def analog() -> Graph:
    graph = oracle.snntoolbox_analog(oracle.recordings("lenet_weights.npz"))
    return FoldBatchnorm().apply(graph, Context())


@pytest.fixture(scope="module")
def calibration() -> np.ndarray:
    return oracle.recordings("x_norm.npz")["arr_0"]


@pytest.fixture(scope="module")
def run(analog: Graph, calibration: np.ndarray) -> Recording:
    normalized = NormalizeActivations(99.9, "layer").apply(analog, Context(calibration))
    spiking = Rate(initial=0.0, pooling_neurons=True).apply(normalized, Context()).verify()
    images = oracle.recordings("lenet_golden.npz")["input_image_b_l"]
    with NumpySimulator().compile(spiking) as program:
        return program.run(images, duration=oracle.STEPS, probes=Probes(spikes=tuple(NAMES)))


def test_scale_factors_are_the_recorded_ones(analog: Graph, calibration: np.ndarray) -> None:
    scales = NormalizeActivations(99.9, "layer").scales(analog, calibration)
    assert {name: scale[0] for name, scale in scales.items()} == pytest.approx(FACTORS, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_spikes_are_the_recorded_ones(run: Recording, name: str) -> None:
    golden = oracle.recordings("lenet_golden.npz")
    expected = oracle.recorded_spikes(golden, NAMES[name])
    trains, spikes = np.zeros_like(expected), run.spikes[name]
    trains[spikes.sample, spikes.unit, spikes.time - 1] = True
    assert (trains != expected).mean() <= 1e-4
    assert np.abs(trains.sum(-1) - expected.sum(-1)).max() <= 1
