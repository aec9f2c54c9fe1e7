"""Real Lasagne's recorded outputs, strangers' files, and the compliance kit."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from snntk_core import ParseError, evaluate
from snntk_core.testing import check_component
from snntk_lasagne import LasagneParser

SHARED = Path(os.environ.get("SNNTK_SHARED", "/nowhere"))
ORACLE = SHARED / "oracles" / "lasagne"
MODELS = SHARED / "models" / "lasagne"
needs_shared = pytest.mark.skipif(not ORACLE.is_dir(), reason="SNNTK_SHARED does not name a folder with oracles")
PARSER = LasagneParser()


def agrees(source) -> None:
    model = PARSER.load(source)
    with np.load(ORACLE / "lasagne_io.npz") as io:
        x, y = io["x"], io["y"]
    bound = 1e-6 * np.abs(y).max()
    assert np.abs(evaluate(PARSER.parse(model), x) - y).max() <= bound
    assert np.abs(PARSER.predict(model, x) - y).max() <= bound


@needs_shared
def test_oracle():
    agrees((ORACLE / "model_script.py", ORACLE / "lasagne_params.npz"))
    agrees((ORACLE / "lasagne_params.npz", str(ORACLE / "model_script.py")))


@needs_shared
@pytest.mark.parametrize("suffix", [".pkl", ".h5", ".npz"])
def test_oracle_in_other_files(tmp_path, suffix):
    with np.load(ORACLE / "lasagne_params.npz") as file:
        values = [file[f"arr_{index}"] for index in range(len(file.files))]
    path = tmp_path / f"model{suffix}"
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps({"param values": values}, protocol=2))
    elif suffix == ".npz":
        np.savez_compressed(path, *values)
    else:
        h5py = pytest.importorskip("h5py", reason="h5py is not installed")
        with h5py.File(path, "w") as file:
            for index, value in enumerate(values):
                file.create_dataset(f"param_{index:03d}", data=value)
    agrees((ORACLE / "model_script.py", path))


@needs_shared
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("npz-ntu-fashion/fashion_mnist.npz", ["layer_1_W", "arr_0", "save them again"]),
        ("npz-joker-nengo/mnist_params.npz", ["shapes do not form", "(34048,)", "give the architecture"]),
    ],
)
def test_files_that_are_not_lasagne(name, words):
    with pytest.raises(ParseError) as caught:
        PARSER.parse(PARSER.load(MODELS / name))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert [word for word in words if word not in message] == []


def test_compliance():
    assert [found for found in check_component(LasagneParser) if not found.passed] == []
