"""The facade gives the integer network, and simulate and the command run it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk_core import Dense, Graph, Input, Node, Relu, evaluate
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
    with pytest.raises(snntk.SnntkError, match="The network is not a spiking one"):
        snntk.simulate(QUANTIZED, CODES / 255, steps=32)


def test_the_command_runs_them_too(tmp_path, capsys) -> None:
    saved = snntk.save(QUANTIZED, tmp_path / "net.snntk")
    np.savez(tmp_path / "test.npz", x=CODES / 255, y=LABELS)
    words = ["simulate", str(saved), "--simulator", "integer", "--set", "integer.input_scale=255"]
    code = main([*words, "--data", str(tmp_path / "test.npz"), "--json", str(tmp_path / "facts.json")])
    assert code == 0, capsys.readouterr()
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert (facts["steps"], facts["accuracy"]) == (1, {"1": 1.0})
