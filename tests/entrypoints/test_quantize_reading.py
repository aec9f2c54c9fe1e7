"""snntk quantize: how the model is read, and what a recipe says, as for every other command; nothing is ignored."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk_core import Dense, Flatten, Graph, Input, Node, Relu, Softmax

RECIPE = """
extends = "rate"

[[quantize]]
name = "max-per-axis"
bits = 8
largest_scale = 0

[[quantize]]
name = "max-per-axis"
layers = "second*"
bits = 3
largest_scale = 0

[[quantize]]
name = "quantized-relu"
bits = 4

[[transform]]
name = "correct-biases"
"""


@pytest.fixture
def graph() -> Graph:
    rng = np.random.default_rng(0)
    nodes = (
        Node("in", Input((4, 4, 1))),
        Node("flat", Flatten(), "in"),
        Node("first", Dense(rng.normal(size=(16, 12)), rng.normal(size=12)), "flat"),
        Node("relu", Relu(), "first"),
        Node("second", Dense(rng.normal(size=(12, 5)), rng.normal(size=5)), "relu"),
        Node("softmax", Softmax(), "second"),
    )
    return Graph(nodes).verify()


@pytest.fixture
def samples() -> np.ndarray:
    return np.random.default_rng(1).random((40, 4, 4, 1)).astype(np.float32)


@pytest.fixture
def folder(graph: Graph, samples: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    snntk.save(graph, "net.snntk")
    np.save("train.npy", samples)
    Path("few.toml").write_text(RECIPE)
    Path("bad.toml").write_text('[[quantize]]\nname = "max-per-axs"\n[[quantize]]\nbits = 3\n')
    Path("reading.toml").write_text('[parser]\nname = "torch"\ninput_shape = [1, 6, 6]\n')
    return tmp_path


@pytest.fixture
def script(folder: Path) -> Path:
    """A TorchScript file that does not say what it takes."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.jit.script(torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU()).eval()).save("net.pt")
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("options", [["--set", "torch.input_shape=[1,6,6]"], ["--recipe", "reading.toml"]])
def test_the_shape_of_a_model_is_said_as_for_every_other_command(script: Path, capsys, options: list[str]) -> None:
    assert main(["quantize", "net.pt", "--weight-bits", "4"]) == 1
    assert "input_shape" in capsys.readouterr().err
    more = ["--weight-bits", "4", "--set", "max-per-axis.bits=3"]
    assert main(["quantize", "net.pt", *more, *options, "-o", "q.snntk"]) == 0
    assert [node.formats["weight"].bits for node in snntk.open("q.snntk") if "weight" in node.formats] == [4]
    assert main(["quantize", "net.pt", *options, "--dump", "q.toml"]) == 0
    assert main(["quantize", "net.pt", *options, "--load", "q.toml"]) == 0


def test_a_recipe_quantizes_as_it_does_in_a_run(folder: Path, graph: Graph, samples: np.ndarray, capsys) -> None:
    assert main(["quantize", "net.snntk", "--recipe", "few.toml", "--calibration", "train.npy", "-o", "q.snntk"]) == 0
    capsys.readouterr()
    found = snntk.open("q.snntk")
    bits = {f"{node.name}.{role}": fmt.bits for node in found for role, fmt in node.formats.items()}
    assert bits == {"first.weight": 8, "relu.output": 4, "second.weight": 3}
    ran = snntk.run(graph, samples, calibration=samples, recipe="few.toml", steps=2, simulator="numpy")
    np.testing.assert_array_equal(snntk.evaluate(found, samples), snntk.evaluate(ran.analog, samples))
    again = snntk.quantize(graph, calibration=samples, recipe="few.toml")
    np.testing.assert_array_equal(snntk.evaluate(found, samples), snntk.evaluate(again, samples))


def test_a_setting_changes_a_component_of_the_recipe(folder: Path, capsys) -> None:
    arguments = ["quantize", "net.snntk", "--recipe", "few.toml", "--calibration", "train.npy", "--json"]
    assert main([*arguments, "--set", "quantized-relu.bits=2"]) == 0
    rows = json.loads(capsys.readouterr().out)["arrays"]
    assert [(row["layer"], row["bits"]) for row in rows] == [("first", 8), ("relu", 2), ("second", 3)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--recipe", "few.toml"], "normalize-activations needs calibration samples (--calibration)"),
        (["--recipe", "bad.toml"], "There is no quantizer 'max-per-axs'"),
        (["--recipe", "bad.toml"], "needs a name"),
        (["--recipe", "few.toml", "--weight-bits", "4", "--load", "a.toml"], "goes without --weight-bits, --load."),
        (["--recipe", "few.toml", "--no-fold-batchnorm"], "goes without --no-fold-batchnorm."),
        (["--recipe", "few.toml", "--dump", "q.toml"], "--dump goes without --recipe. A table keeps formats"),
        (["--recipe", "few.toml", "--set", "max.bits=3"], "the recipe has activation-before-max-pool"),
        (["--recipe", "rate", "--calibration", "train.npy"], "The recipe rate has no [[quantize]]"),
        (["--recipe", "quantised-rate"], "Did you mean 'quantized-rate'?"),
        (["--set", "trch.input_shape=[4]"], "Did you mean 'torch'?"),
        (["--set", "numpy.part=3"], "the components are max-per-axis, quantized-relu."),
        (["--parser", "onnx"], "net.snntk is a saved network, which no parser reads; leave out --parser."),
        (["--load", "q.toml", "--set", "max.bits=3"], "goes without --set max.bits=3."),
        (["--load", "q.toml", "--no-fold-batchnorm"], "goes without --no-fold-batchnorm."),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(folder: Path, capsys, arguments: list[str], words: str) -> None:
    assert main(["quantize", "net.snntk", *arguments, "-o", "out.snntk"]) == 2 or "saved network" in words
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert not Path("out.snntk").exists()


def test_the_facade_refuses_bits_beside_a_recipe_and_spiking_networks(graph: Graph, samples: np.ndarray) -> None:
    with pytest.raises(snntk.OptionError, match="goes without weight_bits, weights, fold_batchnorm, calibrate"):
        snntk.quantize(
            graph, recipe="quantized-rate", weight_bits=4, weights="max", fold_batchnorm=False, calibrate=["fine-tune"]
        )
    spiking = snntk.convert(graph, calibration=samples)
    with pytest.raises(snntk.SnntkError, match="quantize the analog network"):
        snntk.quantize(spiking, recipe="quantized-rate", calibration=samples)


def test_a_recipe_reads_the_model_too() -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    demo = files("snntk") / "demo"
    with np.load(str(demo / "digits.npz")) as data:
        found = snntk.quantize(str(demo / "digits.onnx"), calibration=data["calibration"], recipe="quantized-rate")
    assert {fmt.bits for node in found for fmt in node.formats.values()} == {8}


def test_a_pattern_that_names_no_layer_is_noted(folder: Path, graph: Graph, samples: np.ndarray, capsys) -> None:
    Path("typo.toml").write_text(RECIPE.replace("second*", "secnd*"))
    arguments = ["quantize", "net.snntk", "--recipe", "typo.toml", "--calibration", "train.npy", "--json"]
    assert main(arguments) == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert note == "max-per-axis quantizes nothing here: no layer that it is for is called 'secnd*'."
    ran = snntk.run(graph, samples, calibration=samples, recipe="typo.toml", steps=2, simulator="numpy")
    assert note in ran.notes
