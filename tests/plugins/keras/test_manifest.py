"""Models of strangers: each one converts exactly, or is refused in one sentence."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from snntk_core import ParseError, evaluate
from snntk_keras import KerasParser

pytest.importorskip("h5py", reason="h5py is not installed")

SHARED = os.environ.get("SNNTK_SHARED", "")
MANIFEST = Path(SHARED) / "models" / "manifest.json"
ENTRIES = []
if SHARED and MANIFEST.is_file():
    ENTRIES = [entry for entry in json.loads(MANIFEST.read_text())["models"] if entry["framework"] == "keras"]
if not ENTRIES:
    pytest.skip("SNNTK_SHARED does not name a folder with models/manifest.json", allow_module_level=True)

CONVERTS = [entry for entry in ENTRIES if entry["expectation"] == "converts"]
REJECTED = [entry for entry in ENTRIES if entry["expectation"].startswith("rejected")]
NAMED = {  # what the sentence must say: the place and the reason
    "k3-rohitkr-subclassed": ["CIFAR10Model", "Python class", "Sequential"],
    "k3-qkeras-jet": ["'fc1'", "'output'", "QDense", "'relu1'", "QActivation", "custom"],
    "neg-lfs-pointer-cifar10": ["cifar10.h5", "Git LFS pointer", "git lfs pull"],
    "neg-trunc-h5": ["mnist_cnn.h5", "truncated"],
}


def slug(entry):
    return entry["slug"]


def source(entry):
    files = [MANIFEST.parent / entry["dir"] / item["file"] for item in entry["files"]]
    return files[0] if len(files) == 1 else tuple(files)


def test_every_expectation_is_understood():
    assert len(CONVERTS) + len(REJECTED) == len(ENTRIES)


@pytest.mark.parametrize("entry", CONVERTS, ids=slug)
def test_converts(entry):
    parser = KerasParser()
    assert parser.accepts(source(entry))
    graph = parser.parse(parser.load(source(entry)))
    with np.load(MANIFEST.parent / entry["dir"] / "reference.npz") as reference:
        x, y = reference["x"], reference["y"]
    found = evaluate(graph, x)
    assert found.shape == y.shape
    assert np.abs(found - y).max() <= 1e-4 * np.abs(y).max()
    assert graph.input_shape == x.shape[1:]


@pytest.mark.parametrize("entry", CONVERTS, ids=slug)
def test_is_predicted_by_the_library_that_opens_it(keras, entry):
    parser = KerasParser()
    with np.load(MANIFEST.parent / entry["dir"] / "reference.npz") as reference:
        x, y = reference["x"], reference["y"]
    assert np.abs(parser.predict(parser.load(source(entry)), x) - y).max() <= 1e-4 * np.abs(y).max()


@pytest.mark.parametrize("entry", REJECTED, ids=slug)
def test_rejected(entry):
    parser = KerasParser()
    with pytest.raises(ParseError) as caught:
        parser.parse(parser.load(source(entry)))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert all(word in message for word in NAMED[entry["slug"]])


def test_architecture_finds_the_weights_beside_it():
    entry = next(entry for entry in CONVERTS if entry["slug"] == "kjson-lucas-lenet5")
    parser = KerasParser()
    architecture = next(path for path in source(entry) if path.suffix == ".json")
    assert len(parser.parse(parser.load(architecture))) == len(parser.parse(parser.load(source(entry))))
