"""Models of strangers: each one converts exactly, or is refused in one sentence; and one from file to spikes."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from snntk.cli.main import main
from snntk_core import ParseError, evaluate
from snntk_core.ops import Transpose
from snntk_torch import TorchParser

pytest.importorskip("torch", reason="torch is not installed")

SHARED = Path(os.environ.get("SNNTK_SHARED", "")) if os.environ.get("SNNTK_SHARED") else None
MANIFEST = SHARED / "models" / "manifest.json" if SHARED else None
ENTRIES = []
if MANIFEST is not None and MANIFEST.is_file():
    ENTRIES = [entry for entry in json.loads(MANIFEST.read_text())["models"] if entry["framework"] == "pytorch"]
if not ENTRIES:
    pytest.skip("SNNTK_SHARED does not name a folder with models/manifest.json", allow_module_level=True)

CONVERTS = [entry for entry in ENTRIES if entry["expectation"] == "converts"]
REJECTED = [entry for entry in ENTRIES if entry["expectation"].startswith("rejected")]
CLASSES = {"sd-skyiwalker": "strangers_classes:Skyiwalker", "sd-sinabs-nobias": "strangers_classes:sinabs"}


def slug(entry):
    return entry["slug"]


def folder(entry) -> Path:
    return MANIFEST.parent / entry["dir"]


def path(entry) -> Path:
    return folder(entry) / entry["files"][0]["file"]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Make the classes importable, as PYTHONPATH would."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    yield
    sys.modules.pop("strangers_classes", None)


def test_every_expectation_is_understood():
    assert len(CONVERTS) + len(REJECTED) == len(ENTRIES) == 8


@pytest.mark.parametrize("entry", CONVERTS, ids=slug)
def test_converts(entry):
    shape = tuple(entry["input_shape_without_batch"]) if slug(entry) in CLASSES else ()
    parser = TorchParser(model_class=CLASSES.get(slug(entry), ""), input_shape=shape)
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
    parser = TorchParser()
    with pytest.raises(ParseError) as caught:
        parser.parse(parser.load(path(entry)))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert all(words in message for words in ("pickled object", "state_dict()", "--model-class"))


def _mnist(split, count):
    spec = importlib.util.spec_from_file_location("load", SHARED / "data" / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    images, labels = module.mnist(split)
    x = (images[:count, None].astype(np.float32) / 255 - np.float32(0.1307)) / np.float32(0.3081)
    return x, labels[:count]


def test_a_state_dict_from_file_to_spikes(tmp_path, capsys):
    x, y = _mnist("test", 2000)
    np.savez(tmp_path / "test.npz", x=x, y=y)
    np.savez(tmp_path / "train.npz", x=_mnist("train", 500)[0])
    entry = next(entry for entry in ENTRIES if slug(entry) == "sd-skyiwalker")
    data = ["--data", str(tmp_path / "test.npz"), "--calibration", str(tmp_path / "train.npz")]
    code = main(["run", str(path(entry)), "--model-class", CLASSES[slug(entry)], *data, "--steps", "32", "--json", "-"])
    accuracy = json.loads(capsys.readouterr().out)["accuracy"]
    assert code == 0
    assert accuracy["analog"] > 0.97
    assert accuracy["spiking"]["32"] >= accuracy["analog"] - 0.003
