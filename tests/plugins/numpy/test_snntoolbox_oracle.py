"""Acceptance: the numpy simulator gives the spike trains recorded from snn_toolbox 0.6.0."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from snntk_core import Probes
from snntk_core.connectivity import fan_out
from snntk_numpy.simulator import NumpySimulator

TOLERATED = 1e-4  # of all (neuron, step) events: the order of additions differs between libraries

ASSUMED_FAN_OUT = {
    "00Conv2D_24x24x16": 1,
    "01AveragePooling2D_12x12x16": 9 * 32,
    "02Conv2D_10x10x32": 1,
    "03AveragePooling2D_5x5x32": 64,
    "05Dense_64": 10,
    "06Dense_10": 0,
}
"""snn_toolbox's way: pools cost one, and a convolution is as if it had no borders."""


def _networks():
    path = Path(__file__).parents[2] / "oracle_networks.py"
    spec = spec_from_file_location("oracle_networks", path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


networks = _networks()


@pytest.fixture(scope="module")
def golden():
    return networks.recordings("lenet_golden.npz")


@pytest.fixture(scope="module")
def run(golden):
    program = NumpySimulator().compile(networks.snntoolbox_spiking(golden))
    return program.run(golden["input_image_b_l"], duration=networks.STEPS, probes=Probes(spikes=networks.LAYERS))


def _trains(recording, golden, layer):
    trains = np.zeros_like(networks.recorded_spikes(golden, layer))
    spikes = recording.spikes[layer]
    trains[spikes.sample, spikes.unit, spikes.time - 1] = True
    return trains


@pytest.mark.parametrize("layer", networks.LAYERS)
def test_spike_trains_are_the_recorded_ones(run, golden, layer):
    recorded, trains = networks.recorded_spikes(golden, layer), _trains(run, golden, layer)
    assert (recorded != trains).mean() <= TOLERATED
    assert np.abs(run.spike_counts[layer] - golden[f"count__{layer}"].reshape(20, -1).astype(int)).max() <= 1


def test_the_comparison_tells_a_small_change_of_weights(golden):
    changed = {key: array * np.float32(1.001) if "kernel" in key else array for key, array in golden.items()}
    program = NumpySimulator().compile(networks.snntoolbox_spiking(changed))
    layer = "02Conv2D_10x10x32"
    run = program.run(golden["input_image_b_l"], duration=networks.STEPS, probes=Probes(spikes=(layer,)))
    assert (networks.recorded_spikes(golden, layer) != _trains(run, golden, layer)).mean() > TOLERATED


def test_synaptic_operations_counted_its_way_are_the_recorded_ones(run, golden):
    spikes = {layer: _trains(run, golden, layer).sum(axis=1).cumsum(axis=-1) for layer in ASSUMED_FAN_OUT}
    operations = sum(fan * spikes[layer] for layer, fan in ASSUMED_FAN_OUT.items())
    assert operations / 1e6 == pytest.approx(golden["synaptic_operations_b_t"], rel=TOLERATED)


def test_true_fan_out_costs_less_than_it_assumed(run, golden):
    graph = networks.snntoolbox_spiking(golden)
    assert (run.synaptic_operations < golden["synaptic_operations_b_t"][:, -1] * 1e6).all()
    inner = fan_out(graph, "01AveragePooling2D_12x12x16")[2:-2, 2:-2]
    assert (inner == ASSUMED_FAN_OUT["01AveragePooling2D_12x12x16"]).all()
