"""Accuracy among the largest few, and error where a network decides nothing: in every command and function alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk_core.errors import DataError, OptionError


@pytest.fixture
def targets(layers, samples, registry) -> np.ndarray:
    """What the model puts out, off by 0.1: it is a regression."""
    return snntk.evaluate(snntk.parse(layers, registry=registry), samples) + 0.1


@pytest.fixture
def regression(samples, targets, calibration, tmp_path: Path) -> Path:
    """Samples and targets as a file."""
    path = tmp_path / "regression.npz"
    np.savez(path, x=samples, y=targets, calibration=calibration)
    return path


def test_a_model_is_judged_before_it_is_converted(layers, samples, labels, spiking, targets, registry) -> None:
    found = snntk.judge(layers, (samples, labels), registry=registry)
    assert found == snntk.Judgment("accuracy", 1.0, 60)
    others = (labels + 1) % 5
    first, second = (snntk.judge(layers, (samples, others), top_k=k, registry=registry) for k in (1, 2))
    scores = snntk.evaluate(snntk.parse(layers, registry=registry), samples)
    among = (np.argsort(-scores)[:, :2] == others[:, None]).any(axis=1).mean()
    assert (first.value, second.value, second.top_k) == (0.0, pytest.approx(among), 2)
    assert 0 < among < 1
    assert snntk.judge(spiking, (samples, labels), registry=registry).value > 0.9
    found = snntk.judge(layers, (samples, targets), top_k=3, registry=registry)
    assert (found.measure, found.value, found.top_k) == ("error", pytest.approx(0.1, rel=1e-4), 1)
    with pytest.raises(DataError, match="The data holds no labels"):
        snntk.judge(layers, samples, registry=registry)
    with pytest.raises(OptionError, match="top_k is a whole number of at least 1, got 0"):
        snntk.judge(layers, (samples, labels), top_k=0, registry=registry)


def test_simulate_counts_decisions_among_the_largest_few(spiking, samples, labels, registry) -> None:
    wrong = (labels + 1) % 5
    one, two = (
        snntk.simulate(spiking, samples, steps=16, labels=wrong, top_k=k, registry=registry).accuracy for k in (1, 4)
    )
    assert one[-1] < 0.2
    assert two[-1] > 0.5
    with pytest.raises(OptionError, match="top_k is 5, but the network has 5 outputs"):
        snntk.simulate(spiking, samples, steps=16, labels=wrong, top_k=5, registry=registry)


def test_evaluate_shows_the_model_beside_its_library(command, model: Path, data: Path, samples) -> None:
    done = command("evaluate", model, "--data", data, "-o", "scores.npz")
    assert done.code == 0
    assert [line.split()[-2:] for line in done.out.splitlines() if line.startswith("ANN")] == [["100.00", "%"]] * 2
    with np.load("scores.npz") as file:
        assert (file["predictions"].shape, file["scores"].shape) == ((60,), (60, 5))
    facts = json.loads(command("evaluate", model, "--data", data, "--top-k", 3, "--samples", 7, "--json").out)
    assert (facts["measure"], facts["top_k"], facts["samples"]) == ("accuracy", 3, 7)
    assert facts["values"] == {"ANN, as parsed": 1.0, "ANN, by its library": 1.0}
    assert facts["deviation_from_the_library"] < 1e-5
    np.save("x.npy", samples)
    done = command("evaluate", model, "--data", "x.npy")
    assert (done.code, done.err) == (
        1,
        "snntk: The data holds no labels, so there is nothing to compare the outputs with.\n",
    )


def test_evaluate_takes_saved_networks(command, model: Path, data: Path) -> None:
    assert command("convert", model, "--calibration", data, "-o", "net.snntk").code == 0
    facts = json.loads(command("evaluate", "net.snntk", "--data", data, "--json").out)
    assert list(facts["values"]) == ["SNN, endless steps"]


def test_top_k_is_an_option_of_run_and_simulate(command, model: Path, data: Path) -> None:
    done = command("run", model, "--data", data, "--top-k", 2, "-o", "net.snntk")
    assert "top-2 accuracy" in done.out
    assert "top-2 accuracy" in command("simulate", "net.snntk", "--data", data, "--top-k", 2).out
    assert "top-2" not in command("simulate", "net.snntk", "--data", data).out
    assert command("run", model, "--data", data, "--top-k", 0).code == 2
    for name, source in (("run", model), ("evaluate", model), ("simulate", "net.snntk")):
        done = command(name, source, "--data", data, "--top-k", 6)
        words = "top_k is 6, but the network has 5 outputs. Every decision would be right; take 4 at most."
        assert (done.code, done.out, done.err) == (2, "", f"snntk: {words}\n")


def test_a_regression_is_told_by_its_error_everywhere(command, model: Path, regression: Path) -> None:
    done = command("run", model, "--data", regression, "-o", "net.snntk", "--json", "report.json")
    assert "Root mean square error over 60 samples" in done.out
    assert "agrees" not in done.out
    assert "accuracy" not in done.out
    report = json.loads(Path("report.json").read_text())["accuracy"]
    assert (report["measure"], report["agreement"], report["analog"]) == ("error", {}, pytest.approx(0.1, rel=1e-4))
    done = command("simulate", "net.snntk", "--data", regression, "-o", "scores.npz")
    assert "Error over time" in done.out
    assert not [word for word in ("accuracy", "decided", "Decisions") if word in done.out]
    with np.load("scores.npz") as file:
        assert file.files == ["scores"]
    facts = json.loads(command("simulate", "net.snntk", "--data", regression, "--json").out)
    assert (facts["accuracy"], facts["decided_like_at_the_end"]) == (None, None)
    assert facts["error"]["32"] == pytest.approx(0.1, rel=0.5)
    done = command("evaluate", model, "--data", regression, "--top-k", 3)
    assert "root mean square error" in done.out
    assert "accuracy" not in done.out


def test_whole_images_are_targets(command, model: Path, samples, calibration, targets) -> None:
    pixels = np.rint(targets * 50).astype(np.int16).reshape(60, 5, 1)
    np.savez("images.npz", x=samples, y=pixels, calibration=calibration)
    facts = json.loads(command("run", model, "--data", "images.npz", "--json").out)["accuracy"]
    assert facts["measure"] == "error"
