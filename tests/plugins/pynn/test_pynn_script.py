"""The script written for a target gives, on the backends that are here, the spikes of numpy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from snntk_core import (
    Add,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    IntegrateFire,
    Node,
    PoissonSpikes,
    Probes,
    Readout,
    SpikeSource,
    SpikingMaxPool,
)
from snntk_core.connectivity import spiking_nodes
from snntk_core.errors import Incompatible, OptionError
from snntk_core.registry import Registry
from snntk_core.testing.resets import resetting_to_zero
from snntk_core.testing.spiking_graphs import around, exact, exact_batch, networks, perceptron
from snntk_core.testing.support_matrix import regular_spikes

STEPS = 10
SIMULATORS = Registry.discover().simulators
SCRIPT, NUMPY = SIMULATORS["pynn-script"], SIMULATORS["numpy"]


def written(graph: Graph, folder: Path, **options) -> dict:
    """Write a network and return its table."""
    with SCRIPT(**{"steps": STEPS, **options}).compile(graph) as program:
        program.export(folder)
    return json.loads((folder / "network.json").read_text())


def run(folder: Path, batch, *options: str) -> subprocess.CompletedProcess:
    """Run a script as a stranger would: nothing of snntk is on its path."""
    np.save(folder / "inputs.npy", batch)
    command = [sys.executable, "-I", str(folder / "run.py"), str(folder / "inputs.npy"), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.mark.parametrize(
    ("target", "backend"), [("spinnaker", "brian2"), ("spinnaker", "nest"), ("nest", "nest"), ("brian2", "brian2")]
)
def test_the_script_gives_the_spikes_of_numpy(target, backend, tmp_path):
    pytest.importorskip("pyNN", reason="PyNN is not installed")
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    graph = resetting_to_zero(networks()["residual"])
    table, batch = written(graph, tmp_path, target=target), exact_batch(graph, 2)
    swap = () if target == backend else ("--backend", f"pyNN.{backend}")
    ran = run(tmp_path, batch, *swap)
    assert ran.returncode == 0, ran.stderr[-2000:]
    with NUMPY().compile(graph) as program:
        expected = program.run(batch, duration=STEPS, probes=Probes(spikes=spiking_nodes(graph)))
    got = np.load(tmp_path / "results" / "spikes.npz")
    for place, population in enumerate(table["populations"]):
        train = expected.spikes[population["name"]]
        assert len(train.time), "a network that is silent shows nothing"
        for column, values in (("sample", train.sample), ("step", train.time), ("unit", train.unit)):
            np.testing.assert_array_equal(got[f"{place}_{column}"], values, err_msg=population["name"])
    np.testing.assert_allclose(np.load(tmp_path / "results" / "scores.npy"), expected.scores[:, -1], atol=1e-6)


def test_the_script_takes_samples_in_the_layout_of_the_model(tmp_path):
    pytest.importorskip("pyNN", reason="PyNN is not installed")
    pytest.importorskip("nest", reason="nest is not installed")
    nodes = (
        Node("input", SpikeSource((2, 5, 4), (1, 2, 0))),
        Node("conv", Conv2D(exact(3, 3, 2, 3, seed=1), exact(3, seed=2), (2, 2), "same"), ("input",)),
        Node("neuron", IntegrateFire(reset="zero"), ("conv",)),
        Node("flat", Flatten(), ("neuron",)),
        Node("dense", Dense(exact(18, 4, seed=3), exact(4, seed=4)), ("flat",)),
        Node("readout", Readout("softmax", 2), ("dense",)),
    )
    graph = Graph(nodes)
    written(graph, tmp_path, target="nest")
    batch = exact_batch(graph, 2)
    ran = run(tmp_path, batch)
    assert ran.returncode == 0, ran.stderr[-2000:]
    with NUMPY().compile(graph) as program:
        expected = program.run(batch, duration=STEPS)
    got = np.load(tmp_path / "results" / "spikes.npz")
    counts = np.zeros_like(expected.spike_counts["neuron"])
    np.add.at(counts, (got["0_sample"], got["0_unit"]), 1)
    np.testing.assert_array_equal(counts, expected.spike_counts["neuron"])
    np.testing.assert_allclose(np.load(tmp_path / "results" / "scores.npy"), expected.scores[:, -1], atol=1e-6)


def test_the_script_for_spinnaker_builds_its_network_on_a_backend_that_does_nothing(tmp_path):
    pytest.importorskip("pyNN", reason="PyNN is not installed")
    graph = resetting_to_zero(networks()["residual"])
    written(graph, tmp_path)
    ran = run(tmp_path, exact_batch(graph, 2), "--backend", "pyNN.mock")
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert np.load(tmp_path / "results" / "scores.npy").shape == (2, 3 * 16)


@pytest.mark.parametrize("target", ["nest", "neuron", "brian2", "spinnaker"])
def test_the_target_chooses_how_pynn_is_set_up(target, tmp_path):
    written(resetting_to_zero(perceptron()), tmp_path, target=target)
    text = (tmp_path / "run.py").read_text()
    compile(text, "run.py", "exec")
    module = {"nest": "nest", "neuron": "neuron", "brian2": "brian2", "spinnaker": "spiNNaker"}[target]
    assert f'BACKEND = "pyNN.{module}"\n' in text
    assert ("t_flush=" in text.split("else:")[0]) == (target == "nest")


def test_weights_for_spinnaker_have_sixteen_bits_and_one_scale_for_each_sign(tmp_path):
    random = np.random.default_rng(0)
    nodes = (
        Node("input", SpikeSource((6,))),
        Node("first", IntegrateFire(reset="zero"), ("input",)),
        Node("dense", Dense(random.normal(size=(6, 8)).astype(np.float32)), ("first",)),
        Node("second", IntegrateFire(reset="zero"), ("dense",)),
        Node("last", Dense(random.normal(size=(8, 3)).astype(np.float32)), ("second",)),
        Node("readout", Readout(), ("last",)),
    )
    graph = Graph(nodes)
    table = written(graph, tmp_path)
    arrays = np.load(tmp_path / "synapses.npz")
    (key,) = [entry["key"] for entry in table["projections"] if (entry["source"], entry["target"]) == (0, 1)]
    before, after, weight = (arrays[f"{key}_{part}"] for part in ("before", "after", "weight"))
    for mine in (weight > 0, weight < 0):
        scale = 2.0 ** np.floor(np.log2((2**16 - 1) / np.abs(weight[mine]).max()))
        codes = np.abs(weight[mine]) * scale
        np.testing.assert_array_equal(codes, np.rint(codes))
        assert 2**15 <= codes.max() < 2**16
        exactly = graph["dense"].op.weight[before[mine], after[mine]]
        assert np.abs(weight[mine] - exactly).max() <= 0.5 / scale


def test_a_spike_adds_its_weight_to_the_potential_whatever_the_synapse(tmp_path):
    table = written(resetting_to_zero(perceptron()), tmp_path)
    cell = table["parameters"]
    charge = table["gain"] * cell["tau_syn_E"] * (1 - np.exp(-1 / cell["tau_syn_E"]))
    assert abs(charge - 1) < 2e-7
    current = cell["tau_m"] / cell["cm"] * (1 - np.exp(-1 / cell["tau_m"]))
    assert abs(current - 1) < 1e-9


def test_samples_of_another_shape_and_networks_that_say_no_steps_are_refused_in_a_sentence(tmp_path):
    graph = resetting_to_zero(perceptron())
    written(graph, tmp_path, steps=0)
    said = run(tmp_path, exact_batch(graph, 1)).stderr
    assert "give --steps" in said
    assert "Traceback" not in said
    said = run(tmp_path, np.zeros((2, 7)), "--steps", "3").stderr
    assert "the shape [7], not [4]" in said


def test_files_and_options_that_a_script_cannot_take_are_refused_in_a_sentence(tmp_path):
    graph = resetting_to_zero(perceptron())
    written(graph, tmp_path)
    batch = exact_batch(graph, 2)
    for samples, options, problem in (
        (batch[:0], (), "holds no samples"),
        (np.full_like(batch, np.nan), (), "no finite numbers"),
        (batch.astype(str), (), "no finite numbers"),
        (np.float32(1), (), "not [4]"),
        (batch, ("--steps", "0"), "give --steps"),
        (batch, ("--steps", "-3"), "counted from 1, got -3"),
        (batch, ("--backend", "pyNN_of_nobody"), "needs pyNN_of_nobody, which is not installed"),
    ):
        ran = run(tmp_path, samples, *options)
        assert ran.returncode
        assert problem in ran.stderr
        assert "Traceback" not in ran.stderr
    np.savez(tmp_path / "several.npz", x=batch)
    (tmp_path / "text.npy").write_text("no array")
    for name, problem in (("several.npz", "several arrays"), ("text.npy", "no array"), ("none.npy", "No such file")):
        command = [sys.executable, "-I", str(tmp_path / "run.py"), str(tmp_path / name)]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        assert problem in said
        assert "Traceback" not in said


def test_names_of_nodes_are_data_and_no_part_of_the_script(tmp_path):
    hostile = 'x"; import os; os.mkdir(\'made\'); """\n../../{delay}%s'
    nodes = (
        Node("input", SpikeSource((4,))),
        Node(hostile, IntegrateFire(reset="zero"), ("input",)),
        Node("dense", Dense(exact(4, 3)), (hostile,)),
        Node("readout", Readout(), ("dense",)),
    )
    table = written(Graph(nodes), tmp_path / "hostile")
    written(resetting_to_zero(perceptron()), tmp_path / "plain")
    assert [population["name"] for population in table["populations"]] == [hostile]
    assert (tmp_path / "hostile" / "run.py").read_bytes() == (tmp_path / "plain" / "run.py").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile", "plain"]


def refused(graph: Graph, **options) -> str:
    """Return the sentence with which a network is refused."""
    with pytest.raises(Incompatible) as refusal:
        SCRIPT(**options).compile(graph)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("neuron", "said"),
    [
        (IntegrateFire(), "resets by subtraction"),
        (IntegrateFire(reset="zero", leak=0.25), "leaks 0.25"),
        (IntegrateFire(reset="zero", refractory=3), "pauses for 3 steps"),
        (IntegrateFire(reset="zero", initial_potential=np.float32(1)), "begins at its threshold"),
    ],
)
def test_neurons_that_a_script_cannot_have_are_refused_by_name(neuron, said):
    nodes = (
        Node("input", SpikeSource((4,))),
        Node("current", Dense(exact(4, 4)), ("input",)),
        Node("neuron", neuron, ("current",)),
        Node("dense", Dense(exact(4, 3)), ("neuron",)),
        Node("readout", Readout(), ("dense",)),
    )
    assert f"neuron: {said}" in refused(Graph(nodes))


@pytest.mark.parametrize(
    ("op", "remedy"), [(SpikingMaxPool((2, 2)), "max-to-average-pool"), (PoissonSpikes(), "without an encoding")]
)
def test_ops_that_a_script_cannot_have_are_refused_with_the_remedy(op, remedy):
    assert remedy in refused(resetting_to_zero(around(op)))


def test_neurons_that_encode_the_input_are_refused_with_the_remedy():
    said = refused(resetting_to_zero(regular_spikes(perceptron())))
    assert "positive: encodes the input as spikes and resets by subtraction" in said
    assert "negative: encodes" in said
    assert "Convert without an encoding, or use pynn." in said
    assert "neuron1" not in said


def test_delays_that_spinnaker_does_not_have_are_refused():
    eye = Dense(np.eye(2, dtype=np.float32))
    nodes = [Node("input", SpikeSource((2,))), Node("n0", IntegrateFire(reset="zero"), ("input",))]
    for number in range(1, 75):
        nodes += [
            Node(f"d{number}", eye, (f"n{number - 1}",)),
            Node(f"n{number}", IntegrateFire(reset="zero"), (f"d{number}",)),
        ]
    nodes += [
        Node("sum", Add(), ("n74", "n0")),
        Node("end", IntegrateFire(reset="zero"), ("sum",)),
        Node("readout", Readout(), ("end",)),
    ]
    graph = Graph(tuple(nodes))
    assert "wait 150 steps" in refused(graph)
    SCRIPT(target="nest").compile(graph).close()


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="neurons_per_core from 1 to 255"):
        SCRIPT.configure({"neurons_per_core": 256})
