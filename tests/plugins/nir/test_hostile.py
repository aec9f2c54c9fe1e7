"""Files that lie, strangers' files, and the compliance kit."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from snntk_core import Graph, ParseError, evaluate
from snntk_core.testing import check_component
from snntk_nir import NirExporter, NirParser
from snntk_nir.examples import convolutional

nir = pytest.importorskip("nir", reason="nir is not installed")
h5py = pytest.importorskip("h5py", reason="h5py is not installed")
PARSER = NirParser(reset="subtract", dt=1.0)
STRANGER = Path(os.environ.get("SNNTK_SHARED", "/nowhere")) / "models" / "nir" / "nir-sinabs-scnn" / "scnn_mnist.nir"


def attempt(path):
    """Return the graph, or the sentence that refuses the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return PARSER.parse(PARSER.load(path))
        except ParseError as error:
            message = str(error)
            assert "\n" not in message
            assert message.endswith(".")
            return message


@pytest.mark.parametrize("component", [NirParser, NirExporter])
def test_compliance(component):
    assert [found for found in check_component(component) if not found.passed] == []


def test_nir_is_imported_at_the_last_moment():
    code = (
        "import sys, snntk_nir; assert snntk_nir.NirParser().accepts('a.nir'); "
        "assert not {'nir', 'h5py', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(not STRANGER.is_file(), reason="SNNTK_SHARED does not name a folder with models")
def test_a_strangers_file():
    with pytest.raises(ParseError, match="does not say whether a spike"):
        NirParser().parse(NirParser().load(STRANGER))
    for reset in ("subtract", "zero"):
        parser = NirParser(reset=reset)
        model = parser.load(STRANGER)
        with pytest.warns(UserWarning, match="assumed"):
            graph = parser.parse(model)
        x = np.random.default_rng(0).random((2, 2, 34, 34)).astype(np.float32)
        np.testing.assert_allclose(evaluate(graph, x), parser.predict(model, x), rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("nir") / "a.nir"
    nir.write(path, convolutional())
    return path.read_bytes()


def damaged(random, content):
    changed = bytearray(content)
    match int(random.integers(3)):
        case 0:
            for place in random.integers(len(changed), size=int(random.integers(1, 6))):
                changed[place] ^= 1 << int(random.integers(8))
        case 1:
            del changed[int(random.integers(len(changed))) :]
        case 2:
            begin = int(random.integers(len(changed)))
            changed[begin : begin + 16] = random.bytes(16)
    return bytes(changed)


def fuzz(folder, content, rounds, seed=0):
    random, graphs = np.random.default_rng(seed), 0
    for _ in range(rounds):
        (folder / "f.nir").write_bytes(damaged(random, content))
        graphs += isinstance(attempt(folder / "f.nir"), Graph)
    return graphs


def test_fuzzed_files(tmp_path, content):
    assert fuzz(tmp_path, content, 200) < 200


def altered(tmp_path, content, change):
    (tmp_path / "f.nir").write_bytes(content)
    with h5py.File(tmp_path / "f.nir", "a") as file:
        change(file)
    return attempt(tmp_path / "f.nir")


def put(file, path, value):
    del file[path]
    file[path] = value


CHANGES = {
    "unknown type": lambda f: put(f, "node/nodes/fire/type", "Spiker"),
    "no type": lambda f: f.__delitem__("node/nodes/fire/type"),
    "no weight": lambda f: f.__delitem__("node/nodes/conv/weight"),
    "text as weight": lambda f: put(f, "node/nodes/conv/weight", "words"),
    "other weight": lambda f: put(f, "node/nodes/conv/weight", np.zeros((4, 3, 3, 3), "f4")),
    "huge padding": lambda f: put(f, "node/nodes/conv/padding", 1 << 40),
    "large padding": lambda f: put(f, "node/nodes/conv/padding", 1 << 20),
    "negative stride": lambda f: put(f, "node/nodes/conv/stride", -1),
    "no stride": lambda f: put(f, "node/nodes/conv/stride", 0),
    "many groups": lambda f: put(f, "node/nodes/conv/groups", 1 << 20),
    "huge input": lambda f: put(f, "node/nodes/input/shape", np.array([1 << 23, 1 << 23, 1 << 23])),
    "negative input": lambda f: put(f, "node/nodes/input/shape", np.array([-2, 8, 8])),
    "flat axes": lambda f: put(f, "node/nodes/flat/end_dim", 9),
    "edges to nowhere": lambda f: put(f, "node/edges", np.array([["input", "x"]], dtype="S8")),
    "edges of numbers": lambda f: put(f, "node/edges", np.arange(4)),
    "an edge that is a number": lambda f: put(f, "node/edges", 3.5),
    "edges that are a text": lambda f: put(f, "node/edges", "input"),
    "no edges": lambda f: put(f, "node/edges", np.zeros((0, 2), "S4")),
    "time": lambda f: put(f, "node/metadata/dt", "soon"),
    "soft link": lambda f: put(f, "node/nodes/conv/weight", h5py.SoftLink("/node/nodes/left/weight")),
    "external link": lambda f: put(f, "node/nodes/conv/weight", h5py.ExternalLink("other.h5", "x")),
    "a circle": lambda f: put(f, "node/nodes/conv/weight", f["node"]),
    "no node": lambda f: f.__delitem__("node"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_files(tmp_path, content, name):
    found = altered(tmp_path, content, CHANGES[name])
    assert isinstance(found, str) or name == "time"


def test_a_file_that_claims_too_much(tmp_path, content):
    def grow(file):
        del file["node/nodes/conv/weight"]
        file.create_dataset("node/nodes/conv/weight", (1 << 40,), "f4", chunks=(1 << 10,), compression="gzip")

    assert "not credible" in altered(tmp_path, content, grow)


def test_a_small_file_does_not_expand_without_end(tmp_path, content):
    def grow(file):
        del file["version"]
        file.create_dataset("version", (1 << 27,), "f4", chunks=(1 << 12,), compression="gzip")

    assert "not credible" in altered(tmp_path, content, grow)


def test_pieces_that_are_larger_than_their_array_are_not_read(tmp_path, content):
    """The HDF5 library allocates a piece whole, however few numbers of it the array has."""
    (tmp_path / "g.nir").write_bytes(content)
    with h5py.File(tmp_path / "g.nir", "r+") as file:
        node = file["node/nodes/dense"]
        del node["bias"]
        piece = node.create_dataset("bias", (5,), "f4", maxshape=(None,), chunks=(1 << 28,), compression="gzip")
        piece.id.write_direct_chunk((0,), bytes(99))
    assert "pieces" in attempt(tmp_path / "g.nir")


def test_missing_files_and_foreign_sources(tmp_path):
    (tmp_path / "text.nir").write_text("no HDF5")
    for source in (tmp_path / "none.nir", tmp_path, tmp_path / "text.nir", 3):
        with pytest.raises(ParseError):
            PARSER.load(source)
