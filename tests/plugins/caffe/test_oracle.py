"""The recorded cases, and strangers' models: what each becomes, or the sentence that refuses it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from caffe_networks import needs_caffe

import snntk
from snntk_caffe import CaffeParser
from snntk_core import ParseError, evaluate
from snntk_onnx import OnnxParser

SHARED = Path(os.environ.get("SNNTK_SHARED", "no-such-folder"))
CASES = SHARED / "oracles" / "caffe"
MANIFEST = SHARED / "models" / "manifest.json"
if not CASES.is_dir() or not MANIFEST.is_file():
    pytest.skip("SNNTK_SHARED does not name the folder with oracles/caffe and models", allow_module_level=True)

pytestmark = needs_caffe
INDEX = json.loads((CASES / "index.json").read_text())
RIGHT = [item["case"] for item in INDEX if "expect" not in item]
ENTRIES = [entry for entry in json.loads(MANIFEST.read_text())["models"] if entry["framework"] == "caffe"]
CONVERTS = [entry for entry in ENTRIES if entry["expectation"] == "converts"]


def files(case):
    return CASES / f"{case}.prototxt", CASES / f"{case}.caffemodel"


def off(found, truth):
    """How far an output is off, relative to the largest value."""
    assert found.shape == truth.shape
    return np.abs(found - truth).max() / np.abs(truth).max()


@pytest.mark.parametrize("case", RIGHT)
def test_the_onnx_model_computes_what_caffe_computes(case):
    import onnxruntime

    session = onnxruntime.InferenceSession(
        CaffeParser().load(files(case)).source.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    with np.load(CASES / f"{case}.npz") as record:
        inputs = {item.name: record[f"input_{item.name}"].astype(np.float32) for item in session.get_inputs()}
        assert off(session.run(None, inputs)[0], record["output"]) <= 1e-5


@pytest.mark.parametrize("case", RIGHT)
def test_the_graph_computes_what_caffe_computes(case):
    graph = snntk.parse(files(case))
    with np.load(CASES / f"{case}.npz") as record:
        entries = [name for name in record.files if name.startswith("input_")]
        joined = np.concatenate([record[entry] for entry in entries], axis=1)
        assert ("inputs" in graph.meta) == (len(entries) > 1)
        assert off(evaluate(graph, joined), record["output"]) <= 1e-5


@pytest.mark.parametrize("source", [files("elu_unsupported"), files("elu_unsupported")[0]])
def test_elu_is_refused_by_name(source):
    with pytest.raises(ParseError, match=r"elu_unsupported.prototxt: cannot convert 'f' \(ELU: .*\); replace .*\.$"):
        CaffeParser().load(source)


def test_every_expectation_is_understood():
    assert len(RIGHT) == 47
    assert all(entry["expectation"].startswith(("converts", "rejected")) for entry in ENTRIES)


def paths(entry):
    folder = MANIFEST.parent / entry["dir"]
    return tuple(folder / item["file"] for item in entry["files"][:2])


@pytest.mark.parametrize("entry", CONVERTS, ids=lambda entry: entry["slug"])
def test_a_stranger_converts(entry):
    model = CaffeParser().load(paths(entry)).source
    graph = OnnxParser().parse(OnnxParser().load(model))
    with np.load(MANIFEST.parent / entry["dir"] / "reference.npz") as reference:
        assert off(evaluate(graph, reference["x"]), reference["y"]) <= 1e-4
        assert off(OnnxParser().predict(OnnxParser().load(model), reference["x"]), reference["y"]) <= 1e-4
        assert graph.input_shape == reference["x"].shape[1:]


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry not in CONVERTS], ids=lambda entry: entry["slug"]
)
def test_a_stranger_is_refused_in_one_sentence(entry):
    with pytest.raises(ParseError) as caught:
        snntk.parse(paths(entry))
    message = str(caught.value)
    assert "'norm1', 'norm2' (LRN: " in message
    assert "\n" not in message
    assert message.endswith(".")


def test_mnist_as_a_spiking_network():
    entry = next(entry for entry in CONVERTS if entry["slug"] == "caffe-ethereon-lenet")
    with np.load(SHARED / "data" / "mnist_test.npz") as test, np.load(SHARED / "data" / "mnist_train.npz") as train:
        x, y = test["x"][:2000], test["y"][:2000]
        drawn = train["x"][np.random.default_rng(7).choice(len(train["x"]), 500, replace=False)]
    images, calibration = ((array[:, None] / 255).astype(np.float32) for array in (x, drawn))
    result = snntk.run(paths(entry), (images, y), calibration=calibration, steps=32)
    assert result.accuracy.analog > 0.98
    assert result.accuracy.spiking[32] >= result.accuracy.analog - 0.003
    assert result.parts_at is None
