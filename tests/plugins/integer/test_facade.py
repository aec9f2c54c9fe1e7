"""The facade gives the integer network, and simulate and the command run it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk_core import Conv2D, Dense, Flatten, Graph, Input, MaxPool, Node, Relu, evaluate
from snntk_core.errors import Incompatible


def network() -> Graph:
    rng = np.random.default_rng(5)
    nodes = (
        Node("x", Input((6,))),
        Node("a", Dense(rng.normal(size=(6, 8)).astype(np.float32)), ("x",), origin=("first",)),
        Node("r", Relu(), ("a",)),
        Node("d", Dense(rng.normal(size=(8, 3)).astype(np.float32)), ("r",)),
    )
    return Graph(nodes)


QUANTIZED = snntk.quantize(network(), weight_bits=8, activation_bits=4)
CODES = np.random.default_rng(1).integers(0, 256, size=(20, 6))
LABELS = evaluate(QUANTIZED, CODES / 255).argmax(axis=1)


def test_integers() -> None:
    found = snntk.integers(QUANTIZED, input_scale=255)
    np.testing.assert_allclose(found.values(CODES), evaluate(QUANTIZED, CODES / 255), atol=1e-5)
    assert found["r"].thresholds.shape == (8, 15)
    with pytest.raises(Incompatible, match=r"a \(layer 'first'\): its weights are not quantized"):
        snntk.integers(network())


def test_simulate_runs_quantized_networks_in_one_step() -> None:
    simulator = snntk.Registry.discover().simulators["integer"](input_scale=255.0)
    recording = snntk.simulate(QUANTIZED, CODES / 255, steps=32, simulator=simulator, labels=LABELS)
    assert recording.scores.shape == (20, 1, 3)
    assert recording.accuracy is not None
    assert recording.accuracy.tolist() == [1.0]
    with pytest.raises(snntk.SnntkError, match=r"not a spiking one.* As it is, a quantized one runs on .*integer"):
        snntk.simulate(QUANTIZED, CODES / 255, steps=32)
    with pytest.raises(snntk.SnntkError, match=r"Convert it first: snntk\.convert, or snntk convert\.$"):
        snntk.simulate(network(), CODES / 255, steps=32)


def test_the_command_runs_them_too(tmp_path, capsys) -> None:
    saved = snntk.save(QUANTIZED, tmp_path / "net.snntk")
    np.savez(tmp_path / "test.npz", x=CODES / 255, y=LABELS)
    words = ["simulate", str(saved), "--simulator", "integer", "--set", "integer.input_scale=255"]
    code = main([*words, "--data", str(tmp_path / "test.npz"), "--json", str(tmp_path / "facts.json")])
    assert code == 0, capsys.readouterr()
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert (facts["steps"], facts["accuracy"]) == (1, {"1": 1.0})
    codes = snntk.integers(QUANTIZED, input_scale=255.0).evaluate(CODES, list(facts["mean_codes"]))
    assert facts["mean_codes"] == {name: np.abs(arrays[0]).mean() for name, arrays in codes.items()}
    assert facts["sum_of_codes_per_sample"] == sum(np.abs(a[0]).sum() for a in codes.values()) / len(CODES)


def test_a_maximum_of_accumulators_sends_nothing() -> None:
    rng = np.random.default_rng(6)
    kernel = Conv2D(rng.normal(size=(3, 3, 1, 2)).astype(np.float32), padding="same")
    dense = Dense(rng.normal(size=(18, 3)).astype(np.float32))
    before = [Node("x", Input((6, 6, 1))), Node("c", kernel, "x")]
    after = [Node("f", Flatten()), Node("d", dense, "f")]
    batch, found = rng.integers(0, 256, size=(5, 6, 6, 1)) / 255, {}
    for order in (("p", "r"), ("r", "p")):
        middle = {"p": MaxPool((2, 2)), "r": Relu()}
        nodes = [Node(name, middle[name], above) for name, above in zip(order, ("c", order[0]), strict=True)]
        nodes = [*before, *nodes, replace(after[0], inputs=(order[1],)), after[1]]
        graph = snntk.quantize(Graph(nodes), weight_bits=8, activation_bits=4)
        simulator = snntk.Registry.discover().simulators["integer"](input_scale=255.0)
        found[order] = snntk.simulate(graph, batch, steps=1, simulator=simulator)
    pooled_first, pooled_last = found.values()
    assert (list(pooled_first.spike_counts), list(pooled_last.spike_counts)) == (["r"], ["r", "p"])
    np.testing.assert_allclose(pooled_first.scores, pooled_last.scores)
    driven = 3 * (pooled_first.spike_counts["r"] != 0).sum(axis=1)
    np.testing.assert_array_equal(pooled_first.synaptic_operations, driven)
    np.testing.assert_array_equal(
        pooled_last.synaptic_operations, driven + (pooled_last.spike_counts["r"] != 0).sum(axis=1)
    )


def test_codes_are_not_called_spikes_nor_passes_steps(tmp_path, capsys) -> None:
    saved = snntk.save(QUANTIZED, tmp_path / "net.snntk")
    np.savez(tmp_path / "test.npz", x=CODES / 255, y=LABELS)
    words = ["simulate", str(saved), "--simulator", "integer", "--set", "integer.input_scale=255"]
    words += ["--data", str(tmp_path / "test.npz")]
    assert main(words) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "quantized, in integers 100.00 %" in shown
    assert "sum of codes" in shown
    assert not [word for word in ("spikes", "SNN", "latency", "iring") if word in shown]
    assert main([*words, "--steps", "5"]) == 2
    assert "computes a quantized network in one step; leave out --steps." in capsys.readouterr().err


def test_a_run_makes_the_network_spiking_and_says_what_to_do_instead(tmp_path) -> None:
    with pytest.raises(snntk.RecipeError, match="integer runs quantized networks, not spiking ones"):
        snntk.run(QUANTIZED, (CODES / 255, LABELS), calibration=CODES / 255, simulator="integer")
