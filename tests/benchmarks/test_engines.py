"""The benchmark compares like with like: the same network in every engine, and a sound comparison of what they give."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core import Conv2D, Graph, IntegrateFire, Node, Readout, SpikeSource, SpikingMaxPool, WeightedOp

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from engines import chain, command, networks, processes, tables, unrolled
from engines.comparison import agreement
from engines.rows import by_snntk, plain_torch
from engines.rows import engines as all_engines

STEPS = 6


@pytest.fixture(scope="module")
def lenet():
    return networks.case("lenet", "8-bit", 2)


@pytest.fixture(scope="module")
def expected(lenet):
    """Spikes of each layer and scores, from the numpy simulator."""
    return by_snntk.Simulated("reference", "numpy").prepare(lenet.graph, "cpu", 1, True)(lenet.inputs, STEPS)


@pytest.mark.parametrize("engine", plain_torch.ENGINES[1:], ids=lambda engine: engine.title)
def test_plain_torch_runs_the_same_network(engine, lenet, expected):
    pytest.importorskip("torch", reason="torch is not installed")
    import torch

    threads = torch.get_num_threads()
    got = engine.prepare(lenet.graph, "cpu", 1, True)(lenet.inputs, STEPS)
    torch.set_num_threads(threads)
    assert np.array_equal(got.spikes, expected.spikes)
    assert np.allclose(got.scores, expected.scores, atol=1e-5)
    assert expected.spikes.min() > 0


def test_every_other_installed_engine_gives_the_same_spikes(lenet, expected):
    """Peers are installed where somebody measures them; snntk's own simulators wherever their library is."""
    tried = 0
    for title, engine in all_engines().items():
        if title.startswith("snntk") and not engine.missing():
            got = engine.prepare(lenet.graph, "cpu", 1, True)(lenet.inputs, STEPS)
            assert np.array_equal(got.spikes, expected.spikes), title
            tried += 1
    assert tried >= 1


def test_single_synapses_are_the_layers(lenet, expected):
    """The unrolled network, stepped plainly, fires the same spikes."""
    links, current = unrolled.projections(lenet.graph), unrolled.currents(lenet.graph, lenet.inputs)
    potentials = [np.zeros((len(current), len(link.weights))) for link in links]
    totals = np.zeros((len(links), len(current)))
    for _ in range(STEPS):
        arriving = current
        for depth, link in enumerate(links):
            potentials[depth] += arriving
            fired = potentials[depth] >= 1
            potentials[depth] -= fired
            totals[depth] += fired.sum(axis=1)
            arriving = fired @ link.weights + link.bias
    assert np.array_equal(totals, expected.spikes)


@pytest.mark.parametrize("name", networks.BUILT)
def test_networks_are_plain_chains_on_the_grid_that_they_promise(name):
    shown = networks.case(name, "8-bit", 1)
    kinds = [layer.kind for layer in chain.layers(shown.graph)]
    assert kinds.count("fire") >= 2
    for node in shown.graph:
        if isinstance(node.op, WeightedOp):
            step = 2.0 ** np.ceil(np.log2(np.abs(node.op.weight).max() / 127))
            codes = node.op.weight / step
            assert np.array_equal(codes, np.round(codes))
            assert np.abs(codes).max() <= 127
    assert all(not node.op.initial_potential.any() for node in shown.graph if isinstance(node.op, IntegrateFire))


def test_a_fainter_case_fires_less(lenet):
    run = by_snntk.Simulated("reference", "numpy")
    totals = []
    for halvings in (0, 1, 2):
        shown = networks.fainter(lenet, halvings)
        totals.append(run.prepare(shown.graph, "cpu", 1, True)(shown.inputs, 32).spikes.sum())
    assert totals[0] > totals[1] > totals[2] > 0


@pytest.mark.parametrize("weights", networks.WEIGHTS)
def test_a_network_fires_at_the_rate_that_is_asked_for(weights):
    shown = networks.case("lenet", weights, 4, rate=0.07, steps=16)
    counts = snntk.simulate(shown.graph, shown.inputs, steps=16, simulator="numpy").spike_counts
    assert len(counts) == 4
    for layer, found in counts.items():
        assert 0.06 < found.mean() / 16 < 0.08, layer
    assert [layer.kind for layer in chain.layers(shown.graph)].count("fire") == 4


def test_a_rate_is_a_share():
    assert command._rate("0.05") == 0.05
    with pytest.raises(argparse.ArgumentTypeError, match="a share"):
        command._rate("5")


def test_what_is_no_chain_is_named():
    nodes = (
        Node("in", SpikeSource((4, 4, 1))),
        Node("conv", Conv2D(np.ones((1, 1, 1, 1), np.float32)), ("in",)),
        Node("fire", IntegrateFire(), ("conv",)),
        Node("pool", SpikingMaxPool((2, 2)), ("fire",)),
        Node("out", Readout(), ("pool",)),
    )
    with pytest.raises(chain.NoChain, match="pool is a SpikingMaxPool"):
        chain.layers(Graph(nodes))


def test_outputs_that_differ_are_said_to():
    reference = {"scores": [[1.0, 2.0]], "spikes": [[10], [20]]}
    assert agreement(reference, reference)["same"] == "spikes equal"
    off = agreement({"scores": [[1.0, 1.0]], "spikes": [[10], [23]]}, reference)
    assert (off["scores"], off["spikes"], off["same"]) == (0.5, 0.1, "spikes to 1e-01, scores to 5e-01")
    assert agreement(None, reference)["same"] == "not compared"
    assert agreement({"scores": [[1.0, 2.0]], "spikes": None}, reference)["same"] == "scores to 0e+00"


def test_a_process_measures_an_engine_and_says_what_went_wrong(lenet):
    reference, points = all_engines()["snntk numpy"], [processes.Point(1, 2), processes.Point(2, 2)]
    found = processes.run(reference, lenet, points, 1, "cpu", processes.Effort(2, 0.1), 2)
    assert [len(point["seconds"]) for point in found["points"]] == [2, 2]
    assert [point["samples"] for point in found["points"]] == [1, 2]
    assert found["start to first result"] > 0
    assert np.shape(found["check"]["scores"]) == (2, 10)
    broken = processes.run(reference, lenet, [processes.Point(1, 0)], 1, "cpu", processes.Effort(1, 0.1))
    assert "DataError" in broken["failed"]
    late = processes.run(reference, lenet, points, 1, "cpu", processes.Effort(timeout=0.05))
    assert late == {"failed": "not done after 0 s"}


def test_the_table_shows_ratios_and_reasons():
    from rich.console import Console

    def row(seconds):
        point = {"median": np.median(seconds), "samples": 2, "peak": 100.0, "device peak": 0.0, "facts": {}}
        return {"points": [point], "agreement": {"same": "spikes equal"}}

    console = Console(width=140, record=True, file=io.StringIO())
    rows = {"torch loop": row([0.4, 0.2, 0.2]), "fast": row([0.02]), "peer": {"failed": "no wheel"}}
    tables.engine_table(console, "title", rows, 0)
    lines = [[cell.strip() for cell in line.split("│")] for line in console.export_text().splitlines()]
    shown = {line[1]: line[2:] for line in lines if len(line) > 3}
    assert shown["fast"][:2] == ["10", "10"]
    assert shown["torch loop"][:2] == ["100", "1"]
    assert "no wheel" in shown["peer"]


def test_engines_that_do_not_fit_are_left_out_with_a_reason(lenet):
    found = all_engines()
    assert command.unfit(found["NEST, unrolled"], lenet) is None
    other = networks.Case("other", "8-bit", lenet.graph, lenet.inputs)
    assert command.unfit(found["NEST, unrolled"], other) == "is for lenet alone"
