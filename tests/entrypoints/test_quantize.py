"""snntk.quantize, quantize_layer, dump and load: what is quantized, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk_core import (
    Add,
    BatchNorm,
    ClippedRelu,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    Input,
    MaxPool,
    Node,
    NumberFormat,
    QuantizedRelu,
    Relu,
    Softmax,
    Tanh,
    evaluate,
)


@pytest.fixture
def graph() -> Graph:
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32) / 2

    nodes = (
        Node("in", Input((8, 8, 2))),
        Node("conv", Conv2D(drawn(3, 3, 2, 4), drawn(4)), "in"),
        Node("norm", BatchNorm(drawn(4), np.abs(drawn(4)) + 0.5, drawn(4) + 1, drawn(4)), "conv"),
        Node("relu", Relu(), "norm"),
        Node("pool", MaxPool((2, 2)), "relu"),
        Node("left", Conv2D(drawn(3, 3, 4, 4), padding="same"), "pool"),
        Node("left_relu", ClippedRelu(), "left"),
        Node("sum", Add(), ("pool", "left_relu")),
        Node("flat", Flatten(), "sum"),
        Node("dense", Dense(drawn(36, 5), drawn(5)), "flat"),
        Node("softmax", Softmax(), "dense"),
    )
    return Graph(nodes).verify()


@pytest.fixture
def samples() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(64, 8, 8, 2)).astype(np.float32)


def bits(graph: Graph) -> dict[str, int]:
    return {f"{node.name}.{role}": found.bits for node in graph for role, found in node.formats.items()}


def test_weights_and_activations_get_their_bits(graph: Graph, samples: np.ndarray) -> None:
    found = snntk.quantize(graph, weight_bits=4, activation_bits=3, input_weight_bits=8, calibration=samples)
    assert bits(found) == {
        "conv.weight": 8, "relu.output": 3, "left.weight": 4, "left_relu.output": 3, "dense.weight": 4,
    }  # fmt: skip
    assert "norm" not in found
    fine = snntk.quantize(graph, weight_bits=8, activation_bits=8, calibration=samples)
    before, after = (evaluate(network, samples, "dense") for network in (graph, fine))
    assert np.square(after - before).mean() < 1e-3 * np.square(before).mean()


def test_zero_bits_stay_float(graph: Graph) -> None:
    assert bits(snntk.quantize(graph, weight_bits=4)) == {"conv.weight": 4, "left.weight": 4, "dense.weight": 4}
    assert bits(snntk.quantize(graph, activation_bits=4)) == {"relu.output": 4, "left_relu.output": 4}
    assert bits(snntk.quantize(graph, input_weight_bits=4)) == {"conv.weight": 4}
    same = snntk.quantize(graph, fold_batchnorm=False, normalize_separable=False)
    assert [node.op for node in same] == [node.op for node in graph]


def test_a_quantizer_of_ones_own_for_a_layer(graph: Graph) -> None:
    from snntk_binary import Ternary

    asked: list[tuple[str, int]] = []

    def own(node: Node, bits: int):
        asked.append((node.name, bits))
        return Ternary() if node.name == "left" else None

    found = snntk.quantize(graph, weight_bits=4, input_weight_bits=0, quantizer_function=own)
    assert bits(found) == {"left.weight": 2, "dense.weight": 4}
    assert {name for name, _ in asked} == {"left", "dense"}


def test_quantizers_by_name_and_as_they_are(graph: Graph, samples: np.ndarray) -> None:
    from snntk_uniform import Percentile

    found = snntk.quantize(
        graph,
        weight_bits=5,
        activation_bits=6,
        weights="std",
        activations=Percentile(percentile=90.0),
        calibration=samples,
    )
    assert found["left"].formats["weight"].quantizer == "std(bits=5, threshold=3.0, largest_scale=1000.0)"
    assert "percentile=90.0" in found["relu"].formats["output"].quantizer
    assert found["relu"].op.levels == 63


def test_until_a_layer_only_what_leads_to_it(graph: Graph) -> None:
    found = snntk.quantize(graph, weight_bits=4, activation_bits=4, quantize_until="left")
    assert set(bits(found)) == {"conv.weight", "relu.output", "left.weight"}


def test_quantizing_again_keeps_the_range_and_changes_the_width(graph: Graph, samples: np.ndarray) -> None:
    once = snntk.quantize(graph, weight_bits=8, activation_bits=8, calibration=samples)
    again = snntk.quantize(once, weight_bits=4, activation_bits=2)
    assert set(bits(again).values()) == {2, 4}
    for name in ("conv", "left", "dense"):
        old, new = once[name].formats["weight"], again[name].formats["weight"]
        np.testing.assert_allclose(new.scale * new.highest, old.scale * old.highest, rtol=1e-6)
    for name in ("relu", "left_relu"):
        old, new = once[name].op, again[name].op
        np.testing.assert_allclose(new.step * new.levels, old.step * old.levels, rtol=1e-6)
        assert new.rounding == old.rounding
    layer = snntk.quantize_layer(once, "left", 3)
    assert bits(layer) == bits(once) | {"left.weight": 3}


def test_what_is_quantized_cannot_be_made_float(graph: Graph) -> None:
    quantized = snntk.quantize(graph, weight_bits=4, activation_bits=4)
    with pytest.raises(snntk.OptionError, match="conv, left, dense: quantized already"):
        snntk.quantize(quantized, activation_bits=4)
    with pytest.raises(snntk.OptionError, match="relu, left_relu: quantized already"):
        snntk.quantize(quantized, weight_bits=4)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"weight_bits": 1}, "bits lies between 2 and 16, got 1"),
        ({"weight_bits": -1, "activation_bits": 2.5}, "weight_bits is 0 .* activation_bits is 0"),
        ({"activation_bits": 17}, "between 1 and 16, got 17"),
        (
            {"weight_bits": 4, "weights": "quantized-relu"},
            "quantized-relu is no quantizer for weights. Those .* are binary,",
        ),
        ({"weight_bits": 4, "weights": 3}, "A int is no quantizer for weights. Those for weights are binary,"),
        ({"activation_bits": 4, "activations": "max"}, "max is no quantizer for activations"),
        ({"activation_bits": 4, "activations": "percentile"}, "percentile needs calibration samples"),
        ({"weight_bits": 4, "weights": "maks"}, "Did you mean 'max'"),
        ({"weight_bits": 4, "quantizer_function": 3}, "quantizer_function is a function of a node and bits, got a int"),
        (
            {"weight_bits": 4, "quantizer_function": lambda node, bits: "ternary"},
            "conv: quantizer_function gave a str; it gives a WeightQuantizer",
        ),
        ({"weight_bits": 4, "calibration": np.zeros((3, 5))}, r"samples of shape \(8, 8, 2\), the data has \(5,\)"),
        ({"weight_bits": 4, "quantize_until": "lef"}, "There is no layer 'lef'. Did you mean 'left'"),
    ],
)
def test_what_cannot_be_is_refused(graph: Graph, given: dict, words: str) -> None:
    with pytest.raises(snntk.SnntkError, match=words):
        snntk.quantize(graph, **given)


def test_one_layer_by_name_or_place(graph: Graph) -> None:
    assert bits(snntk.quantize_layer(graph, "dense", 4)) == {"dense.weight": 4}
    assert bits(snntk.quantize_layer(graph, 9, 4)) == {"dense.weight": 4}
    assert bits(snntk.quantize_layer(graph, -2, 4)) == {"dense.weight": 4}
    found = snntk.quantize_layer(graph, "relu", 2)
    assert found["relu"].op.levels == 3
    assert "norm" in found


@pytest.mark.parametrize(
    ("layer", "width", "words"),
    [
        ("dense", 0, "1 or more bits, got 0"),
        ("dense", True, "1 or more bits, got True"),
        ("dense", 1, "bits lies between 2 and 16, got 1"),
        ("nope", 4, "There is no layer 'nope'.* Known: in, conv"),
        (11, 4, "There is no layer 11: the network has 11, from 0 to 10"),
        (1.5, 4, "by its name or its place, got a float"),
        ("pool", 4, "'pool' is a MaxPool, which has nothing to quantize"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(graph: Graph, layer: object, width: int, words: str) -> None:
    with pytest.raises(snntk.OptionError, match=words):
        snntk.quantize_layer(graph, layer, width)


def test_a_spiking_network_is_refused(graph: Graph, samples: np.ndarray) -> None:
    spiking = snntk.convert(graph, calibration=samples)
    with pytest.raises(snntk.SnntkError, match="quantize the analog network"):
        snntk.quantize(spiking, weight_bits=4)


def test_the_result_converts_and_simulates(graph: Graph, samples: np.ndarray) -> None:
    quantized = snntk.quantize(graph, weight_bits=8, activation_bits=8, calibration=samples)
    spiking = snntk.convert(quantized, calibration=samples, steps=64)
    limit = snntk.evaluate(spiking, samples)
    scores = snntk.simulate(spiking, samples, steps=64).scores[:, -1]
    assert (scores.argmax(-1) == limit.argmax(-1)).mean() > 0.9


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_what_every_layer_got_goes_to_a_file_and_back(graph: Graph, tmp_path: Path, suffix: str) -> None:
    quantized = snntk.quantize(graph, weight_bits=4, activation_bits=3)
    path = tmp_path / f"formats{suffix}"
    table = snntk.dump_quantization(quantized, path)
    assert table == snntk.dump_quantization(quantized)
    for found in (snntk.load_quantization(graph, path), snntk.load_quantization(graph, table)):
        snntk.save(found, tmp_path / "found.snntk")
        snntk.save(quantized, tmp_path / "quantized.snntk")
        assert (tmp_path / "found.snntk").read_bytes() == (tmp_path / "quantized.snntk").read_bytes()


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_table_says_that_codes_are_not_kept_and_loading_names_where_it_matters(
    graph: Graph, samples: np.ndarray, tmp_path: Path, suffix: str
) -> None:
    plain = snntk.quantize(graph, weight_bits=4, activation_bits=4, calibration=samples)
    fitted = snntk.quantize(graph, weight_bits=4, activation_bits=4, calibration=samples, calibrate=["correct-biases"])
    snntk.dump_quantization(fitted, tmp_path / f"fitted{suffix}")
    assert "Rounding that was adapted or trained and corrected biases are not part of this file" in (
        (tmp_path / f"fitted{suffix}").read_text()
    )
    with pytest.warns(UserWarning, match=r"^conv, left, dense: the weights are not those of the network"):
        found = snntk.load_quantization(graph, tmp_path / f"fitted{suffix}")
    np.testing.assert_array_equal(evaluate(found, samples), evaluate(plain, samples))
    code = NumberFormat.round(fitted["left"].formats["weight"], fitted["left"].op.weight).copy()
    code[0, 0, 0, 0] += fitted["left"].formats["weight"].scale.reshape(-1)[0]
    other = plain.replace("left", Conv2D(code, padding="same"), formats=plain["left"].formats)
    with pytest.warns(UserWarning, match=r"^left: the weights are not those"):
        snntk.load_quantization(graph, snntk.dump_quantization(other))


def test_the_formats_of_a_recipe_are_not_dumped_without_its_steps(graph: Graph, samples: np.ndarray) -> None:
    found = snntk.quantize(graph, calibration=samples, recipe="quantized-rate")
    with pytest.raises(snntk.FormatError, match="The recipe quantized-rate has quantized this network"):
        snntk.dump_quantization(found)


def test_files_that_are_no_tables_are_refused(graph: Graph, tmp_path: Path) -> None:
    for name, text, words in (
        ("a.toml", "version =", "is no TOML"),
        ("a.json", "[", "is no JSON"),
        ("b.json", "[]", "no table of formats"),
        ("b.toml", "version = 1", "layers is missing"),
        ("a.txt", "", ".toml or .json"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(snntk.FormatError, match=words):
            snntk.load_quantization(graph, tmp_path / name)
    with pytest.raises(snntk.FormatError, match="a path or what dump_quantization gives, got a int"):
        snntk.load_quantization(graph, 3)
    with pytest.raises(snntk.FormatError, match="cannot be read"):
        snntk.load_quantization(graph, tmp_path / "none.toml")
    with pytest.raises(snntk.FormatError, match="cannot be written"):
        snntk.dump_quantization(graph, tmp_path / "none" / "a.toml")


@pytest.fixture
def files(graph: Graph, samples: np.ndarray, tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    snntk.save(graph, "net.snntk")
    np.save("train.npy", samples)
    return tmp_path


def test_the_command_shows_every_layer_and_loads_what_it_dumped(files: Path, capsys) -> None:
    arguments = [
        "quantize",
        "net.snntk",
        "--weight-bits",
        "4",
        "--calibration",
        "train.npy",
        "--set",
        "max-per-axis.bits=3",
    ]
    assert main([*arguments, "--dump", "q.toml", "-o", "q.snntk", "--json", "q.json", "--plot", "q.svg"]) == 0
    text = capsys.readouterr().out
    assert "Wrote q.toml." in text
    assert "Wrote q.svg." in text
    assert "left_relu" in text
    assert "dB" in text
    rows = json.loads((files / "q.json").read_text())["arrays"]
    assert [(row["layer"], row["role"], row["bits"]) for row in rows] == [
        ("conv", "weight", 4), ("relu", "output", 8), ("left", "weight", 4), ("left_relu", "output", 8),
        ("dense", "weight", 4),
    ]  # fmt: skip
    assert all(row["signal_to_noise"] > 10 for row in rows)
    assert main(["quantize", "net.snntk", "--load", "q.toml", "-o", "again.snntk"]) == 0
    assert (files / "again.snntk").read_bytes() == (files / "q.snntk").read_bytes()
    assert isinstance(snntk.open("q.snntk")["relu"].op, QuantizedRelu)


def test_the_command_notes_where_a_table_gives_other_weights(files: Path, capsys) -> None:
    fitted = ["--weight-bits", "4", "--calibration", "train.npy", "--calibrate", "correct-biases", "--dump", "q.toml"]
    assert main(["quantize", "net.snntk", *fitted]) == 0
    capsys.readouterr()
    assert main(["quantize", "net.snntk", "--load", "q.toml", "--json"]) == 0
    printed = capsys.readouterr()
    (note,) = json.loads(printed.out)["notes"]
    assert note.startswith("conv, left, dense: the weights are not those of the network that the table was written of.")
    assert printed.err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--weight-bits", "few"], "takes 0 or a number of bits"),
        (["--weight-bits", "1"], "bits lies between 2 and 16"),
        (["--load", "q.toml", "--weight-bits", "4"], "goes without --weight-bits"),
        (["--dump", "q.txt"], ".toml or .json file"),
        (["--set", "numpy.bits=3"], "the components are max-per-axis, quantized-relu"),
        (["-o", "net.snntk"], "is read by this command"),
        (["--weights", "binary", "--weight-bits", "4"], "binary has its own number of bits; leave out --weight-bits."),
        (["--set", "percentile.per=layer"], "percentile is not in use; choose it by --activations percentile."),
        (["--set", "std.bits=3"], "std is not in use; choose it by --weights std."),
        (["--set", "adapt-rounding.rate=1"], "adapt-rounding is not in use; choose it by --calibrate adapt-rounding."),
        (["--calibrate", "adaround"], "adaround is no calibration method. Did you mean 'adapt-rounding'?"),
    ],
)
def test_the_command_refuses_in_one_sentence(files: Path, capsys, arguments: list[str], words: str) -> None:
    assert main(["quantize", "net.snntk", *arguments]) in (1, 2)
    assert words in capsys.readouterr().err


def test_what_was_not_measured_or_not_done_is_noted(files: Path, capsys) -> None:
    def notes(*arguments: str) -> list[str]:
        assert main(["quantize", "net.snntk", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)["notes"]

    (note,) = notes()
    assert note.endswith("nobody knows how far activations reach; relu: taken to end at 6.")
    assert notes("--set", "quantized-relu.unbounded=3")[0].endswith("taken to end at 3.")
    assert not notes("--set", "quantized-relu.maximum=3")
    assert not notes("--calibration", "train.npy")
    assert not notes("--activation-bits", "0")
    assert main(["quantize", "net.snntk", "--weight-bits", "0", "--activation-bits", "0"]) == 0
    assert "Nothing is quantized; every layer stays float." in capsys.readouterr().out


def test_activations_that_stay_float_are_noted(files: Path, graph: Graph, capsys) -> None:
    snntk.save(graph.insert_after("pool", "tanh", Tanh()), "net.snntk")

    def notes(*arguments: str) -> list[str]:
        assert main(["quantize", "net.snntk", "--calibration", "train.npy", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)["notes"]

    assert notes() == ["These activations stay float: tanh (Tanh). fixed-point-activations rounds any."]
    assert not notes("--activations", "fixed-point-activations")
    assert not notes("--activation-bits", "0")
