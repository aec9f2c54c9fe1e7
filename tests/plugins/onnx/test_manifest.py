"""Models of strangers: each one converts exactly, or is refused in one sentence."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from snntk_core import ParseError, evaluate
from snntk_core.ops import Transpose
from snntk_onnx import OnnxParser

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

SHARED = os.environ.get("SNNTK_SHARED", "")
MANIFEST = Path(SHARED) / "models" / "manifest.json"
ENTRIES = []
if SHARED and MANIFEST.is_file():
    ENTRIES = [entry for entry in json.loads(MANIFEST.read_text())["models"] if entry["framework"] == "onnx"]
if not ENTRIES:
    pytest.skip("SNNTK_SHARED does not name a folder with models/manifest.json", allow_module_level=True)

CONVERTS = [entry for entry in ENTRIES if entry["expectation"] == "converts"]
REJECTED = [entry for entry in ENTRIES if entry["expectation"].startswith("rejected")]
NAMED = {  # what the sentence must say: the place and the reason
    "aritra-missing-external-data": ["mnist.onnx.data", "missing"],
    "akinobu-two-inputs": ["'ArgMax'", "'ArgMax_1'", "'Equal'"],
    "xgboost-trees": ["TreeEnsembleRegressor", "no counterpart"],
    "neg-trunc-onnx": ["mnist_model.onnx", "truncated"],
}


def slug(entry):
    return entry["slug"]


def folder(entry) -> Path:
    return MANIFEST.parent / (entry.get("dir") or f"onnx/{entry['slug']}")


def path(entry) -> Path:
    return folder(entry) / entry["files"][0]["file"]


def test_every_expectation_is_understood():
    assert len(CONVERTS) + len(REJECTED) == len(ENTRIES)


@pytest.mark.parametrize("entry", CONVERTS, ids=slug)
def test_converts(entry):
    parser = OnnxParser()
    assert parser.accepts(path(entry))
    model = parser.load(path(entry))
    graph = parser.parse(model)
    with np.load(folder(entry) / "reference.npz") as reference:
        x, y = reference["x"], reference["y"]
    bound = 1e-4 * np.abs(y).max()
    found = evaluate(graph, x)
    assert found.shape == y.shape
    assert np.abs(found - y).max() <= bound
    assert np.abs(parser.predict(model, x) - y).max() <= bound
    assert graph.input_shape == x.shape[1:]
    assert not [node.name for node in graph if isinstance(node.op, Transpose)]


@pytest.mark.parametrize("entry", REJECTED, ids=slug)
def test_rejected(entry):
    parser = OnnxParser()
    with pytest.raises(ParseError) as caught:
        parser.parse(parser.load(path(entry)))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert all(word in message for word in NAMED.get(entry["slug"], []))
