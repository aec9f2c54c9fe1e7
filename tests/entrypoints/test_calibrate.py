"""Calibration from the facade, a recipe and the command; errors of layers as a table, plain data and a drawing."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk.given import installed
from snntk_calibrate import AdaptRounding, CorrectBiases
from snntk_core import Graph
from snntk_core.pipeline import Line
from snntk_core.plan import resolve
from snntk_core.recipe import read_recipe
from snntk_core.transform import Context

RECIPE = {
    "quantize": [{"name": "max-per-axis", "bits": 2}, {"name": "percentile", "bits": 4}],
    "transform": [{"name": "correct-biases", "reads": "quantized"}],
    "code": {"name": "rate"},
    "simulate": {"name": "numpy"},
}


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    with np.load(str(files("snntk") / "demo" / "digits.npz")) as data:
        return data["calibration"]


@pytest.fixture(scope="module")
def network() -> Graph:
    pytest.importorskip("onnx", reason="onnx is not installed")
    return snntk.parse(str(files("snntk") / "demo" / "digits.onnx"))


def noise(network: Graph, graph: Graph, samples: np.ndarray) -> float:
    return float(np.square(snntk.evaluate(graph, samples) - snntk.evaluate(network, samples)).mean())


def test_methods_by_name_or_with_options_fit_a_network(network: Graph, samples: np.ndarray) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    bits = {"weight_bits": 2, "activation_bits": 4, "calibration": samples}
    plain = snntk.quantize(network, **bits)
    fitted = snntk.quantize(network, **bits, calibrate=[AdaptRounding(iterations=60), "correct-biases"])
    assert noise(network, fitted, samples) < 0.5 * noise(network, plain, samples)
    assert {node.name: dict(node.formats).keys() for node in fitted} == {
        node.name: dict(node.formats).keys() for node in plain
    }


def test_a_method_needs_samples_and_is_for_quantized_networks(network: Graph, samples: np.ndarray) -> None:
    with pytest.raises(snntk.OptionError, match="correct-biases needs calibration samples"):
        snntk.quantize(network, weight_bits=4, calibrate=["correct-biases"])
    with pytest.raises(snntk.OptionError, match=r"fold-batchnorm is no calibration method\. There are adapt-rounding"):
        snntk.quantize(network, weight_bits=4, calibration=samples, calibrate=["fold-batchnorm"])


def test_methods_are_names_or_transforms_and_need_something_to_fit(network: Graph, samples: np.ndarray) -> None:
    bits = {"weight_bits": 4, "calibration": samples}
    one, many = (snntk.quantize(network, **bits, calibrate=each) for each in ("correct-biases", ["correct-biases"]))
    np.testing.assert_array_equal(snntk.evaluate(one, samples), snntk.evaluate(many, samples))
    with pytest.raises(snntk.OptionError, match=r"adaround is no calibration method\. Did you mean 'adapt-rounding'"):
        snntk.quantize(network, **bits, calibrate="adaround")
    with pytest.raises(snntk.OptionError, match="3 is no calibration method"):
        snntk.quantize(network, **bits, calibrate=[3])
    with pytest.raises(snntk.OptionError, match="nothing for correct-biases to fit"):
        snntk.quantize(one, **bits, calibrate="correct-biases")


def test_a_recipe_calibrates_behind_its_quantizers(network: Graph, samples: np.ndarray) -> None:
    plan = resolve(read_recipe(RECIPE, "recipe"), installed())
    assert [step.name for step in plan.steps] == ["max-per-axis", "percentile", "correct-biases", "rate"]
    line, graph = Line(installed(), Context(samples)), network
    for step in plan.steps[:2]:
        graph = line.step(graph, step)
    after = line.step(graph, plan.steps[2])
    expected = CorrectBiases(reads="quantized").apply(graph, Context(samples, unquantized=network))
    np.testing.assert_array_equal(snntk.evaluate(after, samples), snntk.evaluate(expected, samples))
    assert noise(network, after, samples) < noise(network, graph, samples)


def test_errors_of_layers_are_told_after_the_same_rewrites(network: Graph, samples: np.ndarray) -> None:
    quantized = snntk.quantize(network, weight_bits=4, activation_bits=4, calibration=samples)
    rows = snntk.layer_errors(network, quantized, samples)
    assert [row.layer for row in rows] == [node.name for node in quantized if node.formats]
    assert all(0 < row.single.squared_error.sum() < row.single.signal.sum() for row in rows)
    with pytest.raises(snntk.DataError, match="There are no calibration samples"):
        snntk.layer_errors(network, quantized, samples[:0])


@pytest.fixture
def command(network: Graph, samples: np.ndarray, tmp_path: Path) -> list[str]:
    np.savez(tmp_path / "train.npz", x=samples)
    model = str(files("snntk") / "demo" / "digits.onnx")
    return ["quantize", model, "--weight-bits", "3", "--calibration", str(tmp_path / "train.npz")]


def test_the_command_calibrates_analyzes_and_draws(command: list[str], tmp_path: Path, capsys) -> None:
    picture = tmp_path / "errors.svg"
    options = ["--calibrate", "correct-biases", "--set", "correct-biases.reads=quantized", "--analyze"]
    assert main([*command, *options, "--plot", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert "own error" in shown
    assert "\N{FULL BLOCK}" in shown
    root = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"conv2d_0", "relu_10", "piled up", "own"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}rect"))) == 3 + 2 * 7


def test_the_command_gives_every_channel_as_plain_data(command: list[str], capsys) -> None:
    assert main([*command, "--analyze", "--json"]) == 0
    layers = {row["layer"]: row for row in json.loads(capsys.readouterr().out)["layers"]}
    assert len(layers["conv2d_0"]["single"]["squared_error"]) == len(layers["conv2d_0"]["cumulative"]["smape"]) == 16
    assert layers["conv2d_0"]["saturation"] is None
    assert len(layers["relu_2"]["saturation"]) == 16


def test_what_the_command_cannot_analyze_or_draw_is_said(command: list[str], capsys) -> None:
    assert main([*command[:4], "--analyze"]) == 2
    assert "give --calibration with --analyze and --plot" in capsys.readouterr().err
    assert main([*command, "--plot", "errors.png"]) == 2
    assert "takes the name of an .svg file" in capsys.readouterr().err
