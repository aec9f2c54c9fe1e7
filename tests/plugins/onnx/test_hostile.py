"""Files that are broken or want to break something: one sentence, no traceback, no memory, no foreign file."""

import tracemalloc

import numpy as np
import pytest

from snntk_core import Graph, ParseError
from snntk_onnx import OnnxParser

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
RNG = np.random.default_rng(5)
PARSER = OnnxParser()


def network() -> "onnx.ModelProto":
    """Return a small network with most kinds of fields in its file."""
    helper = onnx.helper
    constants = {
        "w": RNG.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "b": RNG.standard_normal(4).astype(np.float32),
        "s": np.array([-1, 64], np.int64),
        "d": RNG.standard_normal((64, 5)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], name="conv", pads=[1, 1, 1, 1], strides=[1, 1]),
        helper.make_node("Relu", ["a"], ["c"], name="relu"),
        helper.make_node("MaxPool", ["c"], ["e"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Pad", ["e", "p"], ["f"], name="pad"),
        helper.make_node("Reshape", ["f", "s"], ["g"], name="reshape"),
        helper.make_node("MatMul", ["g", "d"], ["h"], name="dense"),
        helper.make_node("Softmax", ["h"], ["y"], name="softmax", axis=1),
    ]
    constants["p"] = np.zeros(8, np.int64)
    floating = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", floating, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", floating, ["n", 5])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


MODEL = network()
CONTENT = MODEL.SerializeToString()


def attempt(tmp_path, content: bytes) -> Graph | str:
    """Parse a file with ``content``; the graph, or the one sentence that refuses it."""
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    try:
        return PARSER.parse(PARSER.load(path))
    except ParseError as error:
        sentence = str(error)
    assert "\n" not in sentence
    assert str(path) in sentence
    assert sentence.endswith(".")
    return sentence


def refused(tmp_path, model) -> str:
    result = attempt(tmp_path, model.SerializeToString())
    assert isinstance(result, str), "the file was taken"
    return result


def altered():
    model = type(MODEL)()
    model.CopyFrom(MODEL)
    return model


def tensor(model, name):
    return next(item for item in model.graph.initializer if item.name == name)


def test_the_network_itself_is_taken(tmp_path):
    assert isinstance(attempt(tmp_path, CONTENT), Graph)


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
def test_truncation(tmp_path, share):
    assert isinstance(attempt(tmp_path, CONTENT[: int(len(CONTENT) * share)]), str)


@pytest.mark.parametrize("content", [b"", b"\0" * 99, b"not a model", b"PK\x03\x04", b"\xff" * 500, b"\n" * 500])
def test_other_files(tmp_path, content):
    assert isinstance(attempt(tmp_path, content), str)


# the weights are most of the file, and a flipped bit there is just another weight: favor the rest
PLACES = [i for i in range(len(CONTENT)) if i < 400 or CONTENT[i : i + 1].isalnum()]


@pytest.mark.parametrize("seed", range(220))
def test_flipped_bits(tmp_path, seed):
    generator = np.random.default_rng(seed)
    content = bytearray(CONTENT)
    for _ in range(int(generator.integers(1, 6))):
        place = int(generator.choice(PLACES)) if generator.random() < 0.5 else int(generator.integers(len(content)))
        content[place] ^= 1 << int(generator.integers(8))
    attempt(tmp_path, bytes(content))


@pytest.mark.parametrize("dims", [[2**31, 2**31], [2**62, 2**62], [-1, 5], [10**9], [64, 6], [0, 0]])
def test_absurd_dimensions_allocate_nothing(tmp_path, dims):
    model = altered()
    weight = tensor(model, "d")
    del weight.dims[:]
    weight.dims.extend(dims)
    tracemalloc.start()
    message = refused(tmp_path, model)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "'d'" in message or "dense" in message
    assert peak < 32 << 20


@pytest.mark.parametrize(
    ("kind", "constants", "attributes"),
    [
        ("ConstantOfShape", {"c": np.array([2**40], np.int64)}, {}),
        ("ConstantOfShape", {"c": np.array([-5], np.int64)}, {}),
        ("Expand", {"c": np.ones(1, np.float32), "e": np.array([2**20, 2**20], np.int64)}, {}),
        ("Range", {"c": np.array(0, np.int64), "e": np.array(2**50, np.int64), "f": np.array(1, np.int64)}, {}),
        ("Add", {"c": np.ones((1 << 15, 1), np.float32), "e": np.ones((1, 1 << 15), np.float32)}, {}),
        ("MatMul", {"c": np.ones((1 << 15, 1), np.float32), "e": np.ones((1, 1 << 15), np.float32)}, {}),
        ("Gather", {"c": np.ones((1, 1 << 15), np.float32), "e": np.zeros(1 << 15, np.int64)}, {"axis": 0}),
    ],
)
def test_constants_that_explode(tmp_path, kind, constants, attributes):
    model = altered()
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    model.graph.node.insert(0, onnx.helper.make_node(kind, list(constants), ["huge"], name="bomb", **attributes))
    model.graph.node[-1].input[0] = "z"
    model.graph.node.insert(len(model.graph.node) - 1, onnx.helper.make_node("Add", ["h", "huge"], ["z"], name="use"))
    assert "bomb" in refused(tmp_path, model)


@pytest.mark.parametrize("axis", [2**40, -(2**40)])
def test_absurd_attributes(tmp_path, axis):
    model = altered()
    for attribute in (attribute for node in model.graph.node for attribute in node.attribute):
        if attribute.name == "axis":
            attribute.i = axis
        if attribute.name in ("pads", "strides", "kernel_shape"):
            attribute.ints[0] = axis
    assert "'conv'" in refused(tmp_path, model)


def test_attributes_of_the_wrong_type(tmp_path):
    model = altered()
    for node in model.graph.node:
        for attribute in node.attribute:
            attribute.CopyFrom(onnx.helper.make_attribute(attribute.name, "words"))
    assert "'conv'" in refused(tmp_path, model)


def test_values_that_are_not_finite(tmp_path):
    model = altered()
    weight = tensor(model, "d")
    weight.CopyFrom(onnx.numpy_helper.from_array(np.full((64, 5), np.nan, np.float32), "d"))
    message = refused(tmp_path, model)
    assert "dense" in message
    assert "not finite" in message


def test_names_with_line_breaks_stay_on_one_line(tmp_path):
    model = altered()
    model.graph.node[1].name = "two\nlines\x1b[31m" + "x" * 5000
    model.graph.node[1].op_type = "Strange\nOperator"
    message = refused(tmp_path, model)
    assert "\x1b" not in message
    assert len(message) < 1000


def external(model, name, location, **entries):
    weight = tensor(model, name)
    content = weight.raw_data
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=str(value))
    return content


def test_external_data_beside_the_model_is_read(tmp_path):
    model = altered()
    (tmp_path / "weights").mkdir()
    content = external(model, "d", "weights/d.bin", offset=8, length=64 * 5 * 4)
    (tmp_path / "weights" / "d.bin").write_bytes(b"\0" * 8 + content)
    graph = attempt(tmp_path, model.SerializeToString())
    assert isinstance(graph, Graph)
    reference = attempt(tmp_path, CONTENT)
    np.testing.assert_array_equal(graph["dense"].op.weight, reference["dense"].op.weight)


@pytest.mark.parametrize("location", ["../secret.bin", "/secret.bin", "a/../../secret.bin", "", "..\\secret.bin"])
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    model = altered()
    content = external(model, "d", location)
    (tmp_path / "secret.bin").write_bytes(content)
    inner = tmp_path / "inner"
    inner.mkdir()
    assert "outside" in refused(inner, model)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    model = altered()
    content = external(model, "d", "link.bin")
    (tmp_path / "secret.bin").write_bytes(content)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.bin").symlink_to(tmp_path / "secret.bin")
    assert "outside" in refused(inner, model)


@pytest.mark.parametrize("entries", [{"length": 10**15}, {"offset": 10**15}, {"offset": -4}, {"offset": "x"}, {}])
def test_external_data_of_another_size_is_refused(tmp_path, entries):
    model = altered()
    external(model, "d", "d.bin", **entries)
    (tmp_path / "d.bin").write_bytes(b"\0" * 100)
    assert "'d'" in refused(tmp_path, model)


def test_missing_external_data_and_live_models(tmp_path):
    model = altered()
    external(model, "d", "d.bin")
    assert "missing" in refused(tmp_path, model)
    with pytest.raises(ParseError, match="another file"):
        PARSER.load(model)


@pytest.mark.parametrize("version", [1, 5, 99])
def test_versions_outside_the_range(tmp_path, version):
    model = altered()
    model.opset_import[0].version = version
    assert f"version {version}" in refused(tmp_path, model)


@pytest.mark.parametrize(
    ("shape", "words"),
    [(None, "no shape"), (["n", "c", 8, 8], "'c'"), (["n", 3, 0, 8], "?"), ([], "no shape")],
)
def test_inputs_without_a_fixed_shape(tmp_path, shape, words):
    model = altered()
    model.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape))
    assert words in refused(tmp_path, model)


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none.onnx", tmp_path, "a\0b.onnx"):
        with pytest.raises(ParseError, match="cannot be read"):
            PARSER.load(path)


def test_accepts_never_raises():
    assert PARSER.accepts("model.ONNX")
    assert PARSER.accepts(MODEL)
    assert not any(PARSER.accepts(source) for source in ("model.pt", None, 3, object(), ("a.onnx", "b.onnx")))
