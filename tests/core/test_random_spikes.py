"""Spikes drawn at random: what chooses the numbers, how often they fire, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snntk_core import Dense, Graph, IntegrateFire, Node, PoissonSpikes, Readout, Scale, SpikeSource, apply, evaluate
from snntk_core.artifact import load_graph, save_graph
from snntk_core.connectivity import fan_out, spiking_nodes, steady
from snntk_core.errors import DataError, GraphError, ShapeError
from snntk_core.reference import as_batch
from snntk_core.reference.poisson import PoissonStream, poisson_stream

GOLDEN = ["11000110", "10011011", "00010000", "10101000", "10010100", "00000000"]


def encoded(op: PoissonSpikes, source: SpikeSource | None = None) -> Graph:
    nodes = (
        Node("input", source or SpikeSource((4,))),
        Node("random", op, ("input",)),
        Node("dense", Dense(np.eye(4, 3, dtype=np.float32)), ("random",)),
        Node("readout", Readout(), ("dense",)),
    )
    return Graph(nodes)


X = np.array([[0, 0.25, 0.75, 1], [-1, 0.5, 2, 0.1]], np.float32)


def drawn(op: PoissonSpikes, x: np.ndarray, steps: int) -> np.ndarray:
    return PoissonStream(op, x, x).take(steps)


def test_the_spikes_of_a_seed_stay_what_they_are():
    found = drawn(PoissonSpikes(seed=3), np.full((1, 8), 0.5, np.float32), 6)
    assert ["".join(map(str, row)) for row in found[0].astype(int)] == GOLDEN


def test_the_mean_is_the_input_and_no_step_depends_on_another():
    fired = drawn(PoissonSpikes(np.float32(2), seed=1), np.tile(X[:1], (1, 500)), 400)[0].reshape(400, 500, 4)
    np.testing.assert_allclose(2 * fired.mean(axis=(0, 1)), X[0], atol=0.01)
    in_turn = (fired[1:, :, 2] & fired[:-1, :, 2]).mean()
    assert abs(in_turn - (0.75 / 2) ** 2) < 0.005


def test_what_never_and_what_always_fires():
    fired = drawn(PoissonSpikes(), X, 100)
    assert not fired[1, :, 0].any()
    assert not fired[0, :, 0].any()
    assert fired[1, :, 2].all()
    assert fired[0, :, 3].all()


def test_the_limit_is_the_input_between_zero_and_the_amplitude():
    np.testing.assert_array_equal(apply(PoissonSpikes(), X), np.clip(X, 0, 1))


def test_another_sample_or_seed_gives_other_spikes_and_minus_zero_is_zero():
    x = np.full((1, 4), 0.5, np.float32)
    one = PoissonStream(PoissonSpikes(), x, X[:1]).take(64)
    assert not np.array_equal(one, PoissonStream(PoissonSpikes(), x, X[1:]).take(64))
    assert not np.array_equal(one, PoissonStream(PoissonSpikes(seed=1), x, X[:1]).take(64))
    zeros = np.zeros((1, 4), np.float32)
    assert np.array_equal(
        PoissonStream(PoissonSpikes(), x, zeros).take(64), PoissonStream(PoissonSpikes(), x, -zeros).take(64)
    )


def test_steps_taken_at_once_or_in_turn_are_the_same():
    one, other = (PoissonStream(PoissonSpikes(), X, X) for _ in range(2))
    np.testing.assert_array_equal(one.take(10), np.concatenate([other.take(3), other.take(7)], axis=1))


def test_a_node_reads_what_leads_to_it_from_the_source():
    nodes = (
        Node("input", SpikeSource((4,))),
        Node("half", Scale(np.float32(0.5)), ("input",)),
        Node("random", PoissonSpikes(), ("half",)),
        Node("readout", Readout(), ("random",)),
    )
    expected = PoissonStream(PoissonSpikes(), X / 2, X).take(20)
    np.testing.assert_array_equal(poisson_stream(Graph(nodes).verify(), "random", X).take(20), expected)


def test_what_reads_random_spikes_is_driven_by_them():
    graph = encoded(PoissonSpikes()).verify()
    assert spiking_nodes(graph) == ("random",)
    assert steady(graph) == {"input"}
    assert fan_out(graph, "random").tolist() == [3, 3, 3, 3]


def test_random_spikes_of_what_changes_are_refused():
    graph = encoded(PoissonSpikes()).insert_after("input", "neurons", IntegrateFire())
    with pytest.raises(GraphError, match="random reads neurons, which changes from step to step"):
        graph.verify()


@pytest.mark.parametrize("op", [PoissonSpikes(np.float32(0)), PoissonSpikes(seed=-1), PoissonSpikes(np.ones(3))])
def test_an_amplitude_or_seed_that_makes_no_sense_is_refused(op):
    with pytest.raises((ShapeError, GraphError), match="PoissonSpikes"):
        encoded(op).verify()


def test_a_saved_network_has_them_and_the_limits_of_its_input(tmp_path: Path):
    source = SpikeSource((4,), (), -1.0, 2.0)
    path = save_graph(encoded(PoissonSpikes(np.float32(2), 5), source), tmp_path / "net.snntk")
    loaded = load_graph(path)
    assert loaded["random"].op.seed == 5
    assert loaded["random"].op.amplitude == 2
    assert (loaded.source.op.lowest, loaded.source.op.largest) == (-1, 2)


def test_inputs_that_spikes_cannot_carry_are_refused_with_the_option_to_change():
    graph = encoded(PoissonSpikes(), SpikeSource((4,), (), 0.0, 1.0))
    with pytest.raises(DataError, match=r"reaches 2, .* carry 1 at most.*a peak of at least 2.*\[input\]"):
        evaluate(graph, np.abs(X))
    with pytest.raises(DataError, match=r"down to -1, .*signed = true"):
        as_batch(graph, X)
    signed = graph.replace("input", replace(graph.source.op, lowest=-0.5, largest=2.0))
    with pytest.raises(DataError, match=r"down to -1, .*a peak of at least 1"):
        as_batch(signed, X)


def test_a_limit_that_float32_rounds_takes_itself():
    graph = encoded(PoissonSpikes(), SpikeSource((4,), (), 0.0, 0.7))
    for kind in (np.float32, np.float64):
        assert len(as_batch(graph, np.full((1, 4), 0.7, kind))) == 1
