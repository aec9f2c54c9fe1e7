"""Files that are broken or want to break something: one sentence, no traceback, no memory, no code run."""

import importlib.util
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from snntk_core import Graph, ParseError, evaluate
from snntk_core.errors import SnntkError
from snntk_keras import KerasParser
from snntk_keras.examples import architecture_and_weights, legacy_file, zip_file

h5py = pytest.importorskip("h5py", reason="h5py is not installed")
SPEC = importlib.util.spec_from_file_location("written", Path(__file__).with_name("written.py"))
written = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(written)
PARSER = KerasParser()
ZIP, LEGACY = zip_file().read_bytes(), legacy_file().read_bytes()
ARCHITECTURE, WEIGHTS = (path.read_bytes() for path in architecture_and_weights())


def attempt(source) -> Graph | str:
    """Parse a source; the graph, or the one sentence that refuses it."""
    try:
        return PARSER.parse(PARSER.load(source))
    except ParseError as error:
        sentence = str(error)
    assert sentence.isprintable()
    assert sentence.endswith(".")
    return sentence


def refused(source, *words) -> str:
    found = attempt(source)
    assert isinstance(found, str), "the file was taken"
    assert all(word in found for word in words), found
    return found


def packed(members, order=("metadata.json", "config.json", "model.weights.h5")) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in order:
            archive.writestr(name, members[name])
    return stream.getvalue()


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(ZIP)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def saved(path, content: bytes):
    path.write_bytes(content)
    return path


def altered(random, content: bytes) -> bytes:
    """Flip bits, cut, or overwrite a stretch."""
    way, found = int(random.integers(4)), bytearray(content)
    if way == 0:
        return bytes(found[: int(random.integers(len(found)))])
    if way == 1:
        start = int(random.integers(len(found)))
        found[start : start + 32] = random.bytes(32)
        return bytes(found)
    for _ in range(int(random.integers(1, 6))):
        found[int(random.integers(len(found)))] ^= 1 << int(random.integers(8))
    return bytes(found)


@pytest.mark.parametrize("seed", range(400))
def test_mutations(tmp_path, seed):
    random = np.random.default_rng(seed)
    match seed % 5:
        case 0:
            source = saved(tmp_path / "m.keras", altered(random, ZIP))
        case 1:
            source = saved(tmp_path / "m.h5", altered(random, LEGACY))
        case 2:
            parts = members()
            source = saved(
                tmp_path / "m.keras", packed({**parts, "config.json": altered(random, parts["config.json"])})
            )
        case 3:
            parts = members()
            weights = altered(random, parts["model.weights.h5"])
            source = saved(tmp_path / "m.keras", packed({**parts, "model.weights.h5": weights}))
        case _:
            source = (
                saved(tmp_path / "a.json", altered(random, ARCHITECTURE) if seed % 2 else ARCHITECTURE),
                saved(tmp_path / "a.h5", WEIGHTS if seed % 2 else altered(random, WEIGHTS)),
            )
    attempt(source)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 99, b"not a model", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"{}", b"[" * 9999]
)
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.json"])
def test_other_files(tmp_path, name, content):
    saved(tmp_path / "m.weights.h5", WEIGHTS)
    refused(saved(tmp_path / name, content))


def test_swapped_members(tmp_path):
    parts = members()
    swapped = {**parts, "config.json": parts["model.weights.h5"], "model.weights.h5": parts["config.json"]}
    refused(saved(tmp_path / "m.keras", packed(swapped)), "config.json")
    refused(saved(tmp_path / "m.keras", packed({**parts, "model.weights.h5": parts["config.json"]})), "not HDF5")
    other = saved(tmp_path / "m.keras", packed({**parts, "model.weights.h5": WEIGHTS}))
    refused(other, "layer_0", "holds 2 arrays")


@pytest.mark.parametrize("missing", ["config.json", "metadata.json", "model.weights.h5"])
def test_missing_members(tmp_path, missing):
    parts = members()
    refused(saved(tmp_path / "m.keras", packed(parts, [name for name in parts if name != missing])), missing)


def test_a_zip_that_unpacks_to_more_than_it_says(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", b" " * (100 << 20))
        archive.writestr("model.weights.h5", b"")
    tracemalloc.start()
    refused(saved(tmp_path / "m.keras", stream.getvalue()), "config.json", "104857600 bytes")
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("method", "words"), [(zipfile.ZIP_DEFLATED, "not credible"), (zipfile.ZIP_LZMA, "compressed")]
)
def test_compressed_members_that_would_fill_the_memory(tmp_path, method, words):
    parts = {**members(), "model.weights.h5": members()["model.weights.h5"].ljust(80 << 20, b"\0")}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            large = name == "model.weights.h5" or method == zipfile.ZIP_LZMA
            archive.writestr(
                name, content[: 1 << 20] if method == zipfile.ZIP_LZMA else content, method if large else 0
            )
    refused(saved(tmp_path / "m.keras", stream.getvalue()), words)


@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20), (1 << 62,), (1 << 10, 1 << 10)])
def test_absurd_shapes_allocate_nothing(tmp_path, shape):
    """A chunked dataset may claim any shape without storing anything."""
    path = saved(tmp_path / "m.h5", LEGACY)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/layer_5/layer_5"]
        del group["kernel:0"]
        group.create_dataset("kernel:0", shape, np.float32, chunks=(64,) * len(shape))
    tracemalloc.start()
    refused(path, "kernel:0")
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_weights_of_another_shape(tmp_path):
    path = saved(tmp_path / "m.h5", LEGACY)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/layer_5/layer_5"]
        del group["kernel:0"]
        group["kernel:0"] = np.zeros((3, 64), np.float32)
    refused(path, "'layer_5'", "(3, 64)", "(64, 3)")


def test_weights_that_are_missing_or_not_finite(tmp_path):
    path = saved(tmp_path / "m.h5", LEGACY)
    with h5py.File(path, "r+") as file:
        file["model_weights/layer_0/layer_0/kernel:0"][0] = np.nan
    refused(path, "layer_0", "not finite")
    with h5py.File(path, "r+") as file:
        del file["model_weights/layer_0/layer_0/kernel:0"]
    refused(path, "layer_0", "missing")
    with h5py.File(path, "r+") as file:
        del file["model_weights/layer_0"]
    refused(path, "'layer_0'", "holds 0 arrays")


def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["w"] = np.zeros((64, 3), np.float32)
    for link in (h5py.ExternalLink(str(secret), "/w"), h5py.SoftLink("/model_weights/layer_0")):
        path = saved(tmp_path / "m.h5", LEGACY)
        with h5py.File(path, "r+") as file:
            group = file["model_weights/layer_5/layer_5"]
            del group["kernel:0"]
            group["kernel:0"] = link
        refused(path, "link")


def test_data_in_other_files_is_not_read(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(64 * 3 * 4))
    path = saved(tmp_path / "m.h5", LEGACY)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/layer_5/layer_5"]
        del group["kernel:0"]
        group.create_dataset("kernel:0", (64, 3), np.float32, external=[(str(tmp_path / "secret.bin"), 0, 768)])
    refused(path, "not plain numbers")


def test_pieces_that_are_larger_than_their_array_are_not_read(tmp_path):
    """The HDF5 library allocates a piece whole, however few numbers of it the array has."""
    path = saved(tmp_path / "m.h5", LEGACY)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/layer_5/layer_5"]
        del group["bias:0"]
        piece = group.create_dataset("bias:0", (3,), "f4", maxshape=(None,), chunks=(1 << 28,), compression="gzip")
        piece.id.write_direct_chunk((0,), bytes(99))
    refused(path, "pieces")


def payloads(target):
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAAAAAAA=", "defaults": None, "closure": None}}
    text = f"open({str(target)!r}, 'w')"
    yield "Lambda", {"function": code}
    yield "Lambda", {"function": [text, None, None], "function_type": "lambda"}
    yield "Lambda", {"function": text, "function_type": "function", "module": "os"}


@pytest.mark.parametrize("index", range(3))
def test_no_lambda_runs(tmp_path, index):
    target = tmp_path / "created"
    kind, config = list(payloads(target))[index]
    path = written.write_legacy(tmp_path / "m.h5", [(kind, config, {}), ("Activation", {"activation": "relu"}, {})])
    refused(path, "'l0'", "Lambda", "Python code", "never run")
    model = PARSER.load(path)
    with pytest.raises(SnntkError, match="Lambda"):
        PARSER.predict(model, np.zeros((1, 6), np.float32))
    assert not target.exists()


def test_no_function_of_tensorflow_is_called(tmp_path):
    config = {"function": "io.write_file"}
    path = written.write_legacy(tmp_path / "m.h5", [("TFOpLambda", config, {})])
    refused(path, "'l0'", "tf.io.write_file")
    with pytest.raises(SnntkError, match="write_file"):
        PARSER.predict(PARSER.load(path), np.zeros((1, 6), np.float32))


def test_no_module_of_the_file_is_imported(tmp_path):
    """Keras would import the module that a configuration names."""
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'created')!r}, 'w')")
    parts = members()
    config = json.loads(parts["config.json"])
    config["config"]["layers"][3]["module"] = "trap"
    path = saved(tmp_path / "m.keras", packed({**parts, "config.json": json.dumps(config).encode()}))
    model = PARSER.load(path)
    with pytest.raises(SnntkError, match="trap"):
        PARSER.predict(model, np.zeros((1, 8, 8, 2), np.float32))
    assert not (tmp_path / "created").exists()


SETTINGS = [
    ("Conv2D", {"filters": 10**9, "kernel_size": [3, 3]}),
    ("Conv2D", {"filters": -1, "kernel_size": [3, 3]}),
    ("Conv2D", {"filters": 4, "kernel_size": [0, 3]}),
    ("Conv2D", {"filters": 4, "kernel_size": [3, 3], "groups": 0}),
    ("Conv2D", {"filters": 4, "kernel_size": "3"}),
    ("ZeroPadding2D", {"padding": 10**9}),
    ("ZeroPadding2D", {"padding": [[1, 2], [-3, 4]]}),
    ("Cropping2D", {"cropping": 5}),
    ("UpSampling2D", {"size": 65536}),
    ("MaxPooling2D", {"pool_size": 99}),
    ("MaxPooling2D", {"pool_size": [2, True]}),
    ("Reshape", {"target_shape": [-1, -1]}),
    ("Reshape", {"target_shape": [0]}),
    ("Permute", {"dims": [1, 1, 2]}),
    ("Softmax", {"axis": 0}),
    ("Softmax", {"axis": 9}),
    ("Rescaling", {"scale": "x"}),
    ("Rescaling", {"scale": float("nan")}),
    ("ReLU", {"max_value": float("inf")}),
    ("Dropout", {"rate": {"config": {"value": None}}}),
    ("Activation", {"activation": {"class_name": "function", "config": {"config": ["relu"]}}}),
    ("Activation", {"activation": {"class_name": "Dense", "config": {}}}),
    ("BatchNormalization", {"axis": [1, 2]}),
]


@pytest.mark.parametrize(("kind", "config"), SETTINGS, ids=lambda value: str(value)[:40])
def test_absurd_settings(tmp_path, kind, config):
    path = written.write_legacy(tmp_path / "m.h5", [(kind, config, {})], shape=(None, 6, 6, 3))
    refused(path, "'l0'", kind)


def test_a_library_is_given_only_what_was_read(keras, tmp_path):
    """A text of variable length that claims gigabytes makes libhdf5 allocate them; nobody reads this one."""
    path = saved(tmp_path / "m.h5", LEGACY)
    with h5py.File(path, "r+") as file:
        file.attrs["training_config"] = "{}" * 11
    content = bytearray(path.read_bytes())
    place = content.index(b"training_config")
    place = content.index((22).to_bytes(4, "little"), place)
    content[place : place + 4] = (0xF0000000).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    model = PARSER.load(path)
    batch = np.random.default_rng(0).normal(size=(2, 8, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(PARSER.predict(model, batch), evaluate(PARSER.parse(model), batch), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("claim", [23, 1 << 20, 0xF0000000])
def test_a_text_longer_than_its_place_is_refused(tmp_path, claim):
    path = saved(tmp_path / "m.h5", LEGACY)
    with h5py.File(path, "r+") as file:
        length = len(file.attrs["model_config"])
    content = bytearray(path.read_bytes())
    place = content.index(length.to_bytes(4, "little"), content.index(b"model_config"))
    content[place : place + 4] = (length + claim).to_bytes(4, "little")
    refused(saved(path, bytes(content)), "model_config is damaged")
