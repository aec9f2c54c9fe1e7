"""Files with several inputs: one network that reads them joined, equal to what onnxruntime gives for each apart."""

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk_core import ParseError, evaluate
from snntk_core.joining import JoinedInputs
from snntk_onnx import OnnxParser

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def entry(name, shape, batch="batch", kind=None):
    return onnx.helper.make_tensor_value_info(name, kind or onnx.TensorProto.FLOAT, [batch, *shape])


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


MAPS = [
    ("Conv", ["left", "w"], ["a"], {"pads": [1] * 4}),
    ("Relu", ["a"], ["b"], {}),
    ("Conv", ["right", "v"], ["c"], {}),
    ("Relu", ["c"], ["d"], {}),
    ("Concat", ["b", "d"], ["e"], {"axis": 1}),
    ("Flatten", ["e"], ["f"], {}),
    ("Gemm", ["f", "m"], ["y"], {}),
]
MIXED = [
    ("Conv", ["image", "w"], ["a"], {"pads": [1] * 4}),
    ("Flatten", ["a"], ["b"], {}),
    ("Concat", ["b", "age"], ["c"], {"axis": 1}),
    ("Gemm", ["c", "m"], ["y"], {}),
]
CASES = {
    "maps": (
        MAPS,
        {"left": (2, 5, 4), "right": (3, 5, 4)},
        {"w": floats(4, 2, 3, 3), "v": floats(3, 3, 1, 1), "m": floats(140, 6)},
        "joined along axis 0",
    ),
    "an image and a number": (
        MIXED,
        {"image": (2, 5, 4), "age": (1,)},
        {"w": floats(4, 2, 3, 3), "m": floats(81, 6)},
        "flattened, one after the other",
    ),
    "vectors": (
        [("Sub", ["p", "q"], ["a"], {}), ("Gemm", ["a", "m"], ["y"], {})],
        {"p": (4,), "q": (4,)},
        {"m": floats(4, 2)},
        "joined along axis 0",
    ),
}


def model_of(small, case, batch="batch"):
    nodes, shapes, constants, _ = CASES[case]
    inputs = [entry(name, shape, batch) for name, shape in shapes.items()]
    return small(nodes, (), 13, constants, inputs=inputs)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", ["batch", 2, 5])
def test_the_joined_network_gives_what_the_file_gives(small, case, batch):
    _, shapes, _, said = CASES[case]
    model = model_of(small, case, batch)
    parts = [floats(5, *shape, seed=index) for index, shape in enumerate(shapes.values())]
    together = JoinedInputs(tuple(shapes), tuple(shapes.values()), 0).join(parts)
    free = runtime.InferenceSession(model_of(small, case).SerializeToString(), providers=["CPUExecutionProvider"])
    (truth,) = free.run(None, dict(zip(shapes, parts, strict=True)))
    parser = OnnxParser()
    graph = parser.parse(parser.load(model))
    assert said in graph.meta["inputs"]
    assert all(name in graph for name in shapes)
    assert np.abs(evaluate(graph, together) - truth).max() <= 1e-5 * np.abs(truth).max()
    np.testing.assert_allclose(parser.predict(parser.load(model), together), truth, rtol=1e-5, atol=1e-5)


def test_inspect_says_what_was_joined(small, tmp_path, capsys):
    onnx.save(model_of(small, "an image and a number"), tmp_path / "mixed.onnx")
    assert main(["inspect", str(tmp_path / "mixed.onnx")]) == 0
    assert "image [2, 5, 4] and age [1], flattened, one after the other" in capsys.readouterr().out


def test_an_input_that_nothing_reads_is_none(small):
    inputs = [entry("x", (4,)), entry("label", (), kind=onnx.TensorProto.INT64)]
    model = small([("Relu", ["x"], ["y"], {})], (), 13, inputs=inputs)
    parser, batch = OnnxParser(), floats(3, 4)
    graph = parser.parse(parser.load(model))
    assert graph.input_shape == (4,)
    assert "inputs" not in graph.meta
    np.testing.assert_array_equal(parser.predict(parser.load(model), batch), np.maximum(batch, 0))


def test_every_input_that_cannot_be_read_is_named(small):
    inputs = [entry("x", (None,)), entry("words", (3,), kind=onnx.TensorProto.STRING), entry("z", (3,))]
    nodes = [("Add", ["x", "words"], ["a"], {}), ("Add", ["a", "z"], ["y"], {})]
    with pytest.raises(ParseError, match=r"'x' \(samples have the shape.*'words' \(it holds STRING"):
        OnnxParser().parse(OnnxParser().load(small(nodes, (), 13, inputs=inputs)))


def test_it_spikes(small):
    model = model_of(small, "maps")
    rng = np.random.default_rng(2)
    batch, calibration = (rng.uniform(size=(count, 5, 5, 4)).astype(np.float32) for count in (8, 64))
    graph = snntk.parse(model)
    spiking = snntk.convert(graph, calibration=calibration)
    scores, truth = snntk.simulate(spiking, batch, steps=256).scores[:, -1], evaluate(graph, batch)
    assert spiking.spiking
    assert np.abs(scores - truth).max() <= 0.03 * np.abs(truth).max()
