"""Files that are broken or want to run something: one sentence, no traceback, no memory, nothing run."""

import importlib.util
import io
import json
import pickle
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from snntk_core import Graph, ParseError
from snntk_torch import TorchParser

torch = pytest.importorskip("torch", reason="torch is not installed")


def _mutations():
    spec = importlib.util.spec_from_file_location("mutations", Path(__file__).with_name("mutations.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


mutations = _mutations()
FILES = mutations.files()
PARSER = TorchParser(model_class="mutations:network", input_shape=(2, 6, 6))


def attempt(folder, name, content):
    """Return the graph, or the one sentence that says why not."""
    path = folder / name
    path.write_bytes(content)
    try:
        return PARSER.parse(PARSER.load(path)).verify()
    except ParseError as error:
        message = str(error)
        assert "\n" not in message
        assert message.endswith(".")
        assert len(message) < 3000
        return message


def refused(folder, name, content):
    message = attempt(folder, name, content)
    assert isinstance(message, str), message
    return message


def test_what_no_pytorch_wrote_is_refused_before_it_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the whole file is read"))
    path = tmp_path / "huge.pt"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(ParseError, match="no file of PyTorch"):
        PARSER.load(path)
    parts = {"config.json": b"{}", "metadata.json": b"{}"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert "a zip file, but none that PyTorch wrote" in refused(tmp_path, "keras.pt", buffer.getvalue())


@pytest.mark.parametrize("name", FILES)
def test_the_files_themselves_are_fine(tmp_path, name):
    graph = attempt(tmp_path, name, FILES[name])
    assert isinstance(graph, Graph), graph


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", range(6))
def test_mutated_files(tmp_path, name, part):
    for seed in range(15 * part, 15 * part + 15):
        content = mutations.mutated(FILES[name], np.random.default_rng(seed))
        attempt(tmp_path, name, content)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("content", [b"", b"\0" * 99, b"not a model", b"PK\x03\x04", b"\xff" * 500, b"\x80\x02."])
@pytest.mark.parametrize("suffix", ["pt", "pt2", "pth"])
def test_other_files(tmp_path, content, suffix):
    refused(tmp_path, f"model.{suffix}", content)


class Payload:
    """What would make a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def pickles(target):
    """The payload as every kind of file that holds a pickle."""
    buffer, legacy = io.BytesIO(), io.BytesIO()
    torch.save({"weight": torch.zeros(2), "more": Payload(target)}, buffer)
    torch.save(Payload(target), legacy, _use_new_zipfile_serialization=False)
    yield "module.pt", buffer.getvalue()
    yield "legacy.pt", legacy.getvalue()
    yield "plain.pth", pickle.dumps(Payload(target), protocol=2)
    for name in ("scripted.pt", "traced.pt"):
        for member in ("data.pkl", "constants.pkl", "traced_inputs.pkl"):
            parts = mutations.members(FILES[name])
            found = [key for key in parts if key.endswith("/" + member)]
            if found:
                parts[found[0]] = pickle.dumps(Payload(target), protocol=2)
                yield f"{member}-{name}", mutations.zipped(parts)
    parts = mutations.members(FILES["program.pt2"])
    inputs = next(key for key in parts if key.endswith("sample_inputs/model.pt"))
    parts[inputs] = pickle.dumps(Payload(target), protocol=2)
    yield "program.pt2", mutations.zipped(parts)


def test_no_pickle_is_run(tmp_path):
    target = tmp_path / "made-by-the-payload"
    x = np.zeros((1, 2, 6, 6), np.float32)
    for name, content in pickles(target):
        found = attempt(tmp_path, name, content)
        if isinstance(found, Graph):
            PARSER.predict(PARSER.load(tmp_path / name), x)
        elif name in ("module.pt", "legacy.pt"):
            assert "pickled object" in found
        assert not target.exists(), name


def test_expressions_of_an_exported_program_are_not_evaluated(tmp_path):
    """torch.export.load gives this text to sympy, which evaluates it."""
    target = tmp_path / "made-by-the-payload"
    parts = mutations.members(FILES["program.pt2"])
    model = next(key for key in parts if key.endswith("models/model.json"))
    text = json.dumps(f"open({str(target)!r}, 'w')")
    content = json.loads(parts[model])
    symbol = content["graph_module"]["graph"]["tensor_values"]["input"]["sizes"][0]["as_expr"]["expr_str"]
    parts[model] = parts[model].replace(json.dumps(symbol).encode(), text.encode())
    assert text.encode() in parts[model]
    graph = attempt(tmp_path, "program.pt2", mutations.zipped(parts))
    assert isinstance(graph, Graph)
    PARSER.predict(PARSER.load(tmp_path / "program.pt2"), np.zeros((1, 2, 6, 6), np.float32))
    assert not target.exists()


def scripted(tmp_path, module, shape=(4,)):
    path = tmp_path / "script.pt"
    torch.jit.script(module).save(str(path))
    return TorchParser(input_shape=shape), path


class WritesAFile(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x) + torch.from_file("made-by-the-payload", True, 4)


class RestoresItself(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x)

    @torch.jit.export
    def __getstate__(self):
        return (1, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[int, bool]):
        torch.from_file("made-by-the-payload", True, 4)
        self.training = state[1]


@pytest.mark.parametrize(("make", "words"), [(WritesAFile, "from_file"), (RestoresItself, "stored by code")])
def test_operators_of_a_script_are_not_run(tmp_path, monkeypatch, make, words):
    monkeypatch.chdir(tmp_path)
    parser, path = scripted(tmp_path, make())
    for step in (lambda: parser.parse(parser.load(path)), lambda: parser.predict(parser.load(path), np.zeros((1, 4)))):
        with pytest.raises(ParseError, match=words):
            step()
    assert [item.name for item in tmp_path.iterdir()] == ["script.pt"]


def described(change):
    """The exported program with its description changed."""
    parts = mutations.members(FILES["program.pt2"])
    model = next(key for key in parts if key.endswith("models/model.json"))
    content = json.loads(parts[model])
    change(content["graph_module"]["graph"])
    parts[model] = json.dumps(content).encode()
    return mutations.zipped(parts)


@pytest.mark.parametrize("length", [1 << 40, 1 << 70, 0, -3])
def test_absurd_shapes_allocate_nothing(tmp_path, length):
    def change(graph):
        graph["tensor_values"]["input"]["sizes"][3]["as_int"] = length

    tracemalloc.start()
    refused(tmp_path, "program.pt2", described(change))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


def test_storages_shared_without_end_do_not_fill_the_memory(tmp_path):
    parts = mutations.members(FILES["program.pt2"])
    config = next(key for key in parts if key.endswith("model_weights_config.json"))
    content = json.loads(parts[config])["config"]
    parts[config.replace("model_weights_config.json", content["0.weight"]["path_name"])] = b"\0" * (16 << 20)
    content["0.bias"]["path_name"] = content["1.weight"]["path_name"] = content["0.weight"]["path_name"]
    model = next(key for key in parts if key.endswith("models/model.json"))
    program = json.loads(parts[model])
    specs = program["graph_module"]["signature"]["input_specs"]
    specs += [spec for spec in specs if "parameter" in spec] * 20
    parts[config] = json.dumps({"config": content}).encode()
    parts[model] = json.dumps(program).encode()
    assert "too often" in refused(tmp_path, "program.pt2", mutations.zipped(parts))


def test_members_that_lie_about_their_size_allocate_nothing(tmp_path):
    """It takes 2 GiB, the directory says, or it is compressed in a way that allocates at once."""
    content = FILES["state.pth"]
    entry = content.index(b"byteorder", content.index(b"PK\x01\x02")) - 64
    entry = content.index(b"PK\x01\x02", entry)
    lying = content[: entry + 20] + struct.pack("<I", 0x7FFFFFFF) + content[entry + 24 :]
    other = content[: entry + 10] + struct.pack("<H", 14) + content[entry + 12 :]
    for changed, words in ((lying, "larger than the file"), (other, "compressed in a way")):
        tracemalloc.start()
        assert words in refused(tmp_path, "state.pth", changed)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 32 << 20


def test_texts_that_lie_about_their_length_allocate_nothing(tmp_path):
    content = FILES["legacy.pth"]
    place = content.index(b"X", 40)
    lying = content[:place] + b"X" + struct.pack("<I", 0x7FFFFFF0) + content[place + 5 :]
    tracemalloc.start()
    refused(tmp_path, "legacy.pth", lying)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


def test_constants_that_hold_themselves_are_refused(tmp_path):
    parts = mutations.members(FILES["traced.pt"])
    parts[next(key for key in parts if key.endswith("/constants.pkl"))] = b"\x80\x02]q\x00h\x00a."
    assert "nested too deeply" in refused(tmp_path, "traced.pt", mutations.zipped(parts))


def test_objects_that_hold_themselves_are_gone_through_once():
    from snntk_torch.pickled import ScriptObject
    from snntk_torch.script_file import _arrays

    first, root = np.zeros((3, 2)), ScriptObject("root")
    root.attributes.update(
        {"itself": root, "inner": ScriptObject("inner", "", {"up": root, "w": first}), "w": first[0]}
    )
    assert [array.shape for array in _arrays(root)] == [(3, 2), (2,)]


def test_unknown_operators_are_named_and_not_called(tmp_path):
    def change(graph):
        graph["nodes"][1]["target"] = "torch.ops.aten.from_file.default"

    content = described(change)
    assert "from_file: this operator has no counterpart" in refused(tmp_path, "program.pt2", content)
    with pytest.raises(ParseError, match="not known"):
        PARSER.predict(PARSER.load(tmp_path / "program.pt2"), np.zeros((1, 2, 6, 6), np.float32))


def test_names_with_line_breaks_stay_on_one_line(tmp_path):
    def change(graph):
        graph["nodes"][1]["target"] = "torch.ops.aten.two\nlines\x1b[31m" + "x" * 5000

    message = refused(tmp_path, "program.pt2", described(change))
    assert "\x1b" not in message
    assert len(message) < 1000


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none.pt", tmp_path, "a\0b.pt"):
        with pytest.raises(ParseError, match="cannot be read"):
            PARSER.load(path)


def test_accepts_never_raises():
    assert PARSER.accepts("model.PT2")
    assert PARSER.accepts((torch.nn.ReLU(), (1, 2)))
    assert not any(PARSER.accepts(source) for source in ("model.onnx", None, 3, object(), ("a.pt", "b.pt"), (1, 2)))
