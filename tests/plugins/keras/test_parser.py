"""The parser itself: what it imports, what users map, what a run says, and the compliance kit."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk_core import evaluate
from snntk_core.errors import MissingLibrary, OptionError, PredictionUnavailable
from snntk_core.ops import ClippedRelu, Dense, Relu
from snntk_core.registry import Registry
from snntk_core.testing import check_component
from snntk_keras import KerasParser, prediction
from snntk_keras.examples import zip_file

pytest.importorskip("h5py", reason="h5py is not installed")
SPEC = importlib.util.spec_from_file_location("written", Path(__file__).with_name("written.py"))
written = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(written)

PARSE = """
import sys
from snntk_keras import KerasParser
assert "h5py" not in sys.modules
parser = KerasParser()
model = parser.load(sys.argv[1])
graph = parser.parse(model)
heavy = {"tensorflow", "keras", "tf_keras", "torch", "jax"} & set(sys.modules)
assert not heavy, heavy
assert len(graph) == 4
"""


def test_compliance(keras):
    outcomes = check_component(KerasParser)
    assert [outcome for outcome in outcomes if not outcome.passed] == []


def test_three_megabytes_are_parsed_without_tensorflow(tmp_path):
    random = np.random.default_rng(0)
    weights = {"k": random.normal(size=(1024, 768)), "b": random.normal(size=768)}
    layers = [("Dense", {"units": 768, "activation": "relu"}, weights), ("Flatten", {}, {})]
    path = written.write_legacy(tmp_path / "m.h5", layers, shape=(None, 1024))
    assert path.stat().st_size > 3_000_000
    subprocess.run([sys.executable, "-c", PARSE, str(path)], check=True)


@pytest.mark.parametrize("name", ["m.keras", "m.H5", "m.hdf5", "m.json"])
def test_files_have_one_parser(name, tmp_path):
    path = tmp_path / name
    path.write_text('{"class_name": "Sequential", "config": []}')
    assert [kind.name for _, kind in Registry.discover().parsers.items() if kind().accepts(path)] == ["keras"]


def test_other_json_is_left_to_other_parsers(tmp_path):
    path = tmp_path / "m.json"
    path.write_text("[[1, 2], [3, 4]]")
    assert not KerasParser().accepts(path)
    assert not KerasParser().accepts(tmp_path / "none.json")


def test_caffe_keeps_its_files():
    assert not KerasParser().accepts("net.caffemodel.h5")
    assert not KerasParser().accepts(("net.prototxt", "net.caffemodel.h5"))
    assert KerasParser().accepts((Path("a.h5"), Path("a.json")))


def custom_file(tmp_path):
    random = np.random.default_rng(0)
    arrays = {"a/kernel:0": random.normal(size=(6, 3)), "a/bias:0": random.normal(size=3)}
    layers = [
        ("MyDense", {"units": 3, "activation": "my_relu"}, arrays),
        ("MyRelu", {"anything": 1}, {}),
    ]
    return written.write_legacy(tmp_path / "m.h5", layers), arrays


def test_custom_classes_are_mapped_in_data(tmp_path):
    path, arrays = custom_file(tmp_path)
    meaning = {"MyDense": "Dense", "my_relu": "Relu", "MyRelu": "ClippedRelu(upper=2)"}
    parser = KerasParser.configure({"custom": meaning})
    graph = parser.parse(parser.load(path))
    assert [type(node.op) for node in graph][1:] == [Dense, Relu, ClippedRelu]
    assert graph["l1"].op.upper == 2
    x = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    expected = np.clip(x @ arrays["a/kernel:0"] + arrays["a/bias:0"], 0, 2)
    np.testing.assert_allclose(evaluate(graph, x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("command", ["inspect", "check", "evaluate"])
def test_every_command_reads_with_the_parser_of_the_recipe(tmp_path, monkeypatch, capsys, command):
    path, _ = custom_file(tmp_path)
    find = prediction.find_spec
    monkeypatch.setattr(prediction, "find_spec", lambda name: None if name == "tensorflow" else find(name))
    (tmp_path / "own.toml").write_text(
        'extends = "rate"\n[parser]\nname = "keras"\n'
        'custom = { MyDense = "Dense", my_relu = "Relu", MyRelu = "ClippedRelu(upper=2)" }\n'
    )
    np.savez(tmp_path / "data.npz", x=np.zeros((4, 6), np.float32), y=np.zeros(4, int))
    more = ["--data", str(tmp_path / "data.npz")] if command == "evaluate" else []
    assert main([command, str(path), *more]) == 1
    assert "MyDense" in capsys.readouterr().err
    assert main([command, str(path), *more, "--recipe", str(tmp_path / "own.toml")]) in (0, 3), capsys.readouterr().err
    assert snntk.check(path, "numpy", tmp_path / "own.toml") == ()


@pytest.mark.parametrize("wrong", [{"MyRelu": 3}, ["MyRelu"], "MyRelu=Relu"])
def test_custom_is_a_table_of_texts(wrong):
    with pytest.raises(OptionError, match="table of str to str"):
        KerasParser.configure({"custom": wrong})


@pytest.mark.parametrize("meaning", ["Rleu", "Relu(upper=2)", "ClippedRelu(upper=__import__('os'))", "Relu)(", ""])
def test_custom_that_means_nothing_is_refused(tmp_path, meaning):
    path, _ = custom_file(tmp_path)
    parser = KerasParser(custom={"MyDense": "Dense", "my_relu": "Relu", "MyRelu": meaning})
    with pytest.raises(snntk.SnntkError, match="custom"):
        parser.parse(parser.load(path))


def test_a_run_notes_what_could_not_be_compared(tmp_path, keras):
    path, _ = custom_file(tmp_path)
    meaning = {"MyDense": "Dense", "my_relu": "Relu", "MyRelu": "Relu"}
    x = np.random.default_rng(1).normal(size=(20, 6)).astype(np.float32)
    parser = KerasParser(custom=meaning)
    with pytest.raises(PredictionUnavailable, match="neither library opens"):
        parser.predict(parser.load(path), x)
    result = snntk.run(path, x, calibration=x, steps=4, parser=parser)
    assert result.ledger[0].deviation is None
    assert "was not compared" in result.ledger[0].note
    assert any("was not compared" in note for note in result.notes)


def test_without_tensorflow_a_file_is_still_parsed(monkeypatch):
    find = prediction.find_spec
    monkeypatch.setattr(prediction, "find_spec", lambda name: None if name == "tensorflow" else find(name))
    parser = KerasParser()
    model = parser.load(zip_file())
    assert len(parser.parse(model)) == 8
    with pytest.raises(MissingLibrary, match="keras-predict"):
        parser.predict(model, np.zeros((1, 8, 8, 2), np.float32))


def test_fused_activations_have_a_name_of_their_own():
    graph = KerasParser().parse(KerasParser().load(zip_file()))
    assert graph.outputs == ("layer_5_activation",)
    assert [node.name for node in graph][:3] == ["image", "layer_0", "layer_1"]


def test_mnist_network_loses_little_as_spikes(keras):
    shared = os.environ.get("SNNTK_SHARED")
    if not shared:
        pytest.skip("SNNTK_SHARED does not name the folder with strangers' models and the data sets")
    spec = importlib.util.spec_from_file_location("load", Path(shared) / "data" / "load.py")
    load = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(load)
    (x, y), (more, _) = load.mnist("test"), load.mnist("train")
    batch = (x[:2000, ..., None] / 255).astype(np.float32)
    chosen = np.random.default_rng(7).choice(len(more), 500, replace=False)
    calibration = (more[chosen][..., None] / 255).astype(np.float32)
    path = Path(shared) / "models" / "keras" / "k3-moonflower-cnn" / "mnist_model.keras"
    result = snntk.run(path, (batch, y[:2000].astype(int)), calibration=calibration, steps=32)
    assert result.ledger[0].deviation < 1e-4
    assert result.accuracy.analog - result.accuracy.spiking[32] <= 0.003
