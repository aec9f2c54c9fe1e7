"""Quantized files: weights keep the grid that the file gives them, activations become the ops that round."""

import json

import numpy as np
import pytest

import snntk
from snntk.cli.main import main
from snntk_core import Graph, ParseError, evaluate
from snntk_core.errors import PredictionUnavailable
from snntk_core.ops import BinaryTanh, Conv2D, Dense, FakeQuantize, QuantizedRelu, Relu
from snntk_onnx import OnnxParser

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
QONNX = "qonnx.custom_op.general"


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def codes(kind, *shape, low=None, high=None, seed=1):
    limits = np.iinfo(kind)
    low, high = limits.min if low is None else low, limits.max if high is None else high
    return np.random.default_rng(seed).integers(low, high, shape, endpoint=True).astype(kind)


def steps(count=None, seed=2):
    return np.random.default_rng(seed).uniform(0.001, 0.02, size=() if count is None else count).astype(np.float32)


def dequantized(name, axis=None, zero=True):
    options = {} if axis is None else {"axis": axis}
    reads = [f"{name}q", f"{name}s", *([f"{name}z"] if zero else [])]
    return ("DequantizeLinear", reads, [name], options)


def stored(name, quantized, scale, zero=0):
    values = {f"{name}q": quantized, f"{name}s": scale}
    return values | {f"{name}z": np.broadcast_to(np.asarray(zero, quantized.dtype), scale.shape)}


def decoded(node, role="weight"):
    """The array behind a format, from its integer codes alone."""
    number_format, array = node.formats[role], node.op.arrays[role]
    return number_format.decode(number_format.encode(array))


# -- weights, QDQ ------------------------------------------------------------------------------------------------------

CONV = [("Conv", ["x", "w", "b"], ["y"], {"pads": [1] * 4})]
WEIGHTS = {  # type and range of the codes, scales, zero point: bits, signed, full range of the format
    "int8": (("int8", -127, 127), None, 0, (8, True, False)),
    "int8 to its last code": (("int8", -128, 127), None, 0, (8, True, True)),
    "int8 for each channel": (("int8", -127, 127), 6, 0, (8, True, False)),
    "uint8": (("uint8", 0, 255), None, 0, (8, False, False)),
    "uint8 around its middle": (("uint8", 0, 255), None, 128, (8, True, True)),
    "int8 moved a little": (("int8", -100, 100), None, 3, (8, True, False)),
    "int16": (("int16", -32767, 32767), None, 0, (16, True, False)),
}


@pytest.mark.parametrize("case", WEIGHTS)
@pytest.mark.parametrize("opset", [13, 21])
def test_the_weights_of_a_convolution_keep_their_grid(compare, case, opset):
    (kind, low, high), count, zero, (bits, signed, full) = WEIGHTS[case]
    if kind == "int16" and opset < 21:
        pytest.skip("16-bit codes came with version 21")
    weight, scale = codes(kind, 6, 3, 3, 3, low=low, high=high), steps(count)
    weight.flat[:2] = low, high
    bias = codes("int32", 6, low=-1000, high=1000)
    constants = stored("w", weight, scale, zero) | stored("b", bias, steps())
    nodes = [dequantized("w", None if count is None else 0), dequantized("b"), *CONV]
    graph = compare(nodes, (3, 5, 4), opset, constants)
    node = graph["Conv2"]
    assert isinstance(node.op, Conv2D)
    found = node.formats["weight"]
    assert (found.bits, found.signed, found.full_range, found.axis) == (bits, signed, full, None if not count else 3)
    np.testing.assert_array_equal(found.encode(node.op.weight), weight.astype(int).transpose(2, 3, 1, 0) - zero)
    np.testing.assert_array_equal(decoded(node, "bias"), node.op.bias)
    assert node.formats["bias"].bits == 32
    assert "number formats" not in graph.meta


def test_a_zero_point_that_leaves_no_format_is_told_and_the_values_are_kept(compare, small, tmp_path, capsys):
    weight = codes("uint8", 6, 3, 3, 3)
    weight.flat[:2] = 0, 255
    constants = stored("w", weight, steps(), 7) | {"b": floats(6)}
    nodes = [dequantized("w"), *CONV]
    graph = compare(nodes, (3, 5, 4), 13, constants)
    assert not graph["Conv1"].formats
    assert "zero point moves the codes to -7 to 248" in graph.meta["number formats"]
    onnx.save(small(nodes, (3, 5, 4), 13, constants), tmp_path / "m.onnx")
    assert main(["inspect", str(tmp_path / "m.onnx")]) == 0
    assert "zero point moves" in " ".join(capsys.readouterr().out.split())


LINEAR = {
    "Gemm": ([("Gemm", ["x", "w", "b"], ["y"], {})], (8, 6), 1),
    "Gemm transposed": ([("Gemm", ["x", "w", "b"], ["y"], {"transB": 1})], (6, 8), 0),
    "MatMul and Add": ([("MatMul", ["x", "w"], ["m"], {}), ("Add", ["m", "b"], ["y"], {})], (8, 6), 1),
    "Add and MatMul": ([("MatMul", ["x", "w"], ["m"], {}), ("Add", ["b", "m"], ["y"], {})], (8, 6), 1),
    "turned": (
        [("Transpose", ["w"], ["t"], {}), ("Gemm", ["x", "t", "b"], ["y"], {})],
        (6, 8),
        0,
    ),
    "of its rows": ([("Gemm", ["x", "w", "b"], ["y"], {})], (8, 6), 0),
}


@pytest.mark.parametrize("case", LINEAR)
@pytest.mark.parametrize("varies", [True, False])
def test_the_weights_of_a_dense_layer_keep_their_grid(compare, case, varies):
    nodes, shape, axis = LINEAR[case]
    scale = steps(shape[axis] if varies else None)
    constants = stored("w", codes("int8", *shape), scale) | stored("b", codes("int32", 6), steps(6))
    graph = compare([dequantized("w", axis), dequantized("b", 0), *nodes], (8,), 13, constants)
    (node,) = (node for node in graph if isinstance(node.op, Dense))
    expected = 0 if case == "of its rows" else 1
    assert node.formats["weight"].axis in ((expected, expected - 2) if varies else (None,))
    np.testing.assert_array_equal(decoded(node), node.op.weight)
    np.testing.assert_array_equal(decoded(node, "bias"), node.op.bias)


def test_steps_of_rows_move_with_the_rows_behind_a_flatten(compare):
    constants = stored("w", codes("int8", 4, 3, 1, 1), steps()) | stored("m", codes("int8", 80, 6), steps(80))
    nodes = [
        dequantized("w"),
        dequantized("m", 0),
        ("Conv", ["x", "w"], ["a"], {}),
        ("Flatten", ["a"], ["f"], {}),
        ("Gemm", ["f", "m"], ["y"], {}),
    ]
    graph = compare(nodes, (3, 5, 4), 13, constants)
    assert graph["Gemm4"].formats["weight"].axis == 0
    np.testing.assert_array_equal(decoded(graph["Gemm4"]), graph["Gemm4"].op.weight)


@pytest.mark.parametrize(("units", "kept"), [(4, True), (8, False)])
def test_a_depthwise_kernel_keeps_its_grid_where_one_axis_holds_its_scale(compare, units, kept):
    constants = stored("w", codes("int8", units, 1, 3, 3), steps(units))
    graph = compare([dequantized("w", 0), ("Conv", ["x", "w"], ["y"], {"group": 4})], (4, 6, 5), 13, constants)
    assert bool(graph["Conv1"].formats) == kept
    assert ("between the kernels of a channel" in graph.meta.get("number formats", "")) != kept


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("axis", [None, 1])
def test_a_transposed_kernel_keeps_its_grid(compare, groups, axis):
    constants = stored("w", codes("int8", 4, 3, 3, 3), steps(None if axis is None else 3))
    nodes = [dequantized("w", axis), ("ConvTranspose", ["x", "w"], ["y"], {"group": groups})]
    graph = compare(nodes, (4, 5, 6), 13, constants)
    assert bool(graph["ConvTranspose1"].formats) == (groups == 1 or axis is None)


def test_weights_that_are_computed_from_a_grid_are_told(compare):
    constants = stored("w", codes("int8", 8, 6), np.float32(0.003)[()] * np.ones((), np.float32))
    graph = compare([dequantized("w"), ("Gemm", ["x", "w"], ["y"], {"alpha": 0.3})], (8,), 13, constants)
    assert not graph["Gemm1"].formats
    assert "'Gemm1'" in graph.meta["number formats"] or "Gemm1 (" in graph.meta["number formats"]


def test_a_float_weight_that_is_quantized_in_the_file(compare):
    nodes = [
        ("QuantizeLinear", ["w", "s", "z"], ["q"], {}),
        ("Clip", ["q", "lo", "hi"], ["c"], {}),
        ("DequantizeLinear", ["c", "s", "z"], ["d"], {}),
        ("Gemm", ["x", "d"], ["y"], {}),
    ]
    constants = {"w": floats(8, 6), "s": np.float32(0.1), "z": np.int8(0), "lo": np.int8(-7), "hi": np.int8(7)}
    graph = compare(nodes, (8,), 13, constants)
    assert np.abs(graph["Gemm3"].formats["weight"].encode(graph["Gemm3"].op.weight)).max() == 7


# -- activations, QDQ --------------------------------------------------------------------------------------------------


def pair(reads, gives, axis=None):
    options = {} if axis is None else {"axis": axis}
    return [
        ("QuantizeLinear", [reads, "s", "z"], ["codes"], options),
        ("DequantizeLinear", ["codes", "s", "z"], [gives], options),
    ]


@pytest.mark.parametrize(
    ("kind", "zero", "op", "low", "high"),
    [
        ("uint8", 0, QuantizedRelu, 0, 255),
        ("int8", -128, QuantizedRelu, 0, 255),
        ("int8", 0, FakeQuantize, -128, 127),
        ("uint8", 128, FakeQuantize, -128, 127),
        ("int8", 5, FakeQuantize, -133, 122),
    ],
)
@pytest.mark.parametrize("relu", [False, True])
def test_a_pair_around_an_activation_rounds_it(compare, kind, zero, op, low, high, relu):
    before = [("Gemm", ["x", "w"], ["a"], {}), *([("Relu", ["a"], ["b"], {})] if relu else [])]
    nodes = [*before, *pair("b" if relu else "a", "y")]
    constants = {"w": floats(4, 64), "s": np.float32(0.01), "z": np.asarray(zero, kind)}
    graph = compare(nodes, (4,), 13, constants, tolerance=1e-6)
    last = graph[graph.outputs[0]]
    assert isinstance(last.op, QuantizedRelu if relu else op)
    assert (
        (last.op.levels == high) if relu or op is QuantizedRelu else ((last.op.lowest, last.op.highest) == (low, high))
    )
    assert not any(isinstance(node.op, Relu) for node in graph)
    assert last.formats["output"].honored_by(evaluate(graph, 3 * floats(5, 4)))
    if relu:
        assert last.name == "Relu1"


def test_a_relu_that_others_read_stays(compare):
    tail = ("Add", ["b", "c"], ["y"], {})
    nodes = [("Relu", ["x"], ["b"], {}), *pair("b", "c"), tail]
    graph = compare(nodes, (6,), 13, {"s": np.float32(0.1), "z": np.uint8(0)}, tolerance=1e-6)
    assert [type(node.op) for node in graph][1:3] == [Relu, QuantizedRelu]


def test_a_scale_for_each_channel_of_an_activation(compare):
    constants = {"w": floats(3, 3, 1, 1), "s": steps(3) * 10, "z": np.zeros(3, np.uint8)}
    graph = compare([("Conv", ["x", "w"], ["a"], {}), *pair("a", "y", 1)], (3, 4, 5), 13, constants, tolerance=1e-6)
    (node,) = (node for node in graph if isinstance(node.op, QuantizedRelu))
    assert node.op.step.shape[-1] == 3


def test_a_whole_network_between_pairs(compare):
    """Data, weights, biases and activations, as onnxruntime's static quantization leaves them."""
    constants = stored("w", codes("int8", 4, 2, 3, 3), steps(4)) | stored("b", codes("int32", 4), steps(4) / 100)
    constants |= stored("m", codes("int8", 120, 3), steps()) | {"one": np.float32(0.02), "half": np.float32(0.05)}
    constants |= {"u": np.uint8(0), "i": np.int8(0)}
    nodes = [
        dequantized("w", 0),
        dequantized("b", 0),
        dequantized("m"),
        ("QuantizeLinear", ["x", "one", "i"], ["xq"], {}),
        ("DequantizeLinear", ["xq", "one", "i"], ["xd"], {}),
        ("Conv", ["xd", "w", "b"], ["c"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["c"], ["r"], {}),
        ("QuantizeLinear", ["r", "half", "u"], ["rq"], {}),
        ("DequantizeLinear", ["rq", "half", "u"], ["rd"], {}),
        ("Flatten", ["rd"], ["f"], {}),
        ("Gemm", ["f", "m"], ["y"], {}),
    ]
    graph = compare(nodes, (2, 5, 6), 13, constants)
    assert {name: sorted(graph[name].formats) for name in ("Conv5", "Relu6", "Gemm10")} == {
        "Conv5": ["bias", "weight"],
        "Relu6": ["output"],
        "Gemm10": ["weight"],
    }


RESIDUAL = [
    ("Conv", ["x", "w", "b"], ["a"], {"pads": [1] * 4}),
    ("Relu", ["a"], ["r"], {}),
    ("Conv", ["r", "v", "c"], ["e"], {"pads": [1] * 4}),
    ("Add", ["e", "r"], ["s"], {}),
    ("Relu", ["s"], ["t"], {}),
    ("MaxPool", ["t"], ["p"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("Flatten", ["p"], ["q"], {}),
    ("Gemm", ["q", "m", "d"], ["y"], {}),
]


@pytest.mark.parametrize("activations", ["QUInt8", "QInt8"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_what_onnxruntime_quantizes_is_read_to_the_bit(small, tmp_path, activations, per_channel):
    tool = pytest.importorskip("onnxruntime.quantization", reason="onnxruntime has no quantization tools")

    class Samples(tool.CalibrationDataReader):
        def __init__(self):
            self.left = [{"x": floats(4, 3, 8, 8, seed=seed)} for seed in range(3)]

        def get_next(self):
            return self.left.pop() if self.left else None

    constants = {"w": floats(8, 3, 3, 3) / 3, "b": floats(8), "v": floats(8, 8, 3, 3) / 6, "c": floats(8, seed=1)}
    constants |= {"m": floats(128, 5) / 8, "d": floats(5)}
    onnx.save(small(RESIDUAL, (3, 8, 8), 13, constants), tmp_path / "plain.onnx")
    tool.quantize_static(
        tmp_path / "plain.onnx",
        tmp_path / "quantized.onnx",
        Samples(),
        quant_format=tool.QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=tool.QuantType[activations],
        weight_type=tool.QuantType.QInt8,
    )
    parser, batch = OnnxParser(), floats(64, 3, 8, 8, seed=9)
    model = parser.load(tmp_path / "quantized.onnx")
    graph = parser.parse(model)
    np.testing.assert_array_equal(evaluate(graph, batch), parser.predict(model, batch))
    weighted = [node for node in graph if isinstance(node.op, Conv2D | Dense)]
    assert [sorted(node.formats) for node in weighted] == [["bias", "weight"]] * 3
    for node in weighted:
        np.testing.assert_array_equal(decoded(node), node.op.weight)


REFUSED = {
    "another scale": (
        [("QuantizeLinear", ["x", "s", "z"], ["q"], {}), ("DequantizeLinear", ["q", "t", "z"], ["y"], {})],
        "not those of the QuantizeLinear",
    ),
    "codes that are computed with": (
        [("QuantizeLinear", ["x", "s", "z"], ["q"], {}), ("Flatten", ["q"], ["y"], {})],
        "reads integer codes",
    ),
    "codes that are put out": ([("QuantizeLinear", ["x", "s", "z"], ["y"], {})], "holds integer codes"),
    "zero points of channels": (
        [("QuantizeLinear", ["x", "v", "p"], ["q"], {}), ("DequantizeLinear", ["q", "v", "p"], ["y"], {})],
        "zero points differ",
    ),
    "the batch": (
        [
            ("QuantizeLinear", ["x", "v", "o"], ["q"], {"axis": 0}),
            ("DequantizeLinear", ["q", "v", "o"], ["y"], {"axis": 0}),
        ],
        "along the batch",
    ),
    "a computed scale": (
        [("QuantizeLinear", ["x", "x", "z"], ["q"], {}), ("Relu", ["q"], ["y"], {})],
        "scale is computed",
    ),
    "a scale below zero": (
        [("QuantizeLinear", ["x", "n", "z"], ["q"], {}), ("DequantizeLinear", ["q", "n", "z"], ["y"], {})],
        "do not lie around zero",
    ),
    "integer arithmetic": ([("DynamicQuantizeLinear", ["x"], ["y", "a", "b"], {})], "(QDQ)"),
    "integer addition": ([("QLinearAdd", ["x", "s", "z", "x", "s", "z", "s", "z"], ["y"], {})], "(QDQ)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_rounds_otherwise_is_refused_by_name(load_small, case):
    nodes, words = REFUSED[case]
    constants = {"s": np.float32(0.1), "t": np.float32(0.2), "z": np.uint8(0), "n": np.float32(-0.1)}
    constants |= {"v": steps(3), "p": np.array([0, 1, 2], np.uint8), "o": np.zeros(3, np.uint8)}
    with pytest.raises(ParseError) as caught:
        load_small(nodes, (3,), 13, constants)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# -- QONNX -------------------------------------------------------------------------------------------------------------


def quantizer(x, scale, zero, bits, signed, narrow, rounding):
    """What QONNX says its Quant computes, one element at a time."""

    def one(value, step, offset):
        code = np.float32(np.float32(value) / step) + offset
        if bits == 1 and signed:
            return (np.float32(1 if code >= 0 else -1) - offset) * step
        low = -(2 ** (bits - 1)) + narrow if signed else 0
        high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
        code = min(max(code, low), high)
        away = {"UP": np.ceil, "DOWN": np.floor, "HALF_UP": lambda v: np.floor(v + 0.5),
                "HALF_DOWN": lambda v: np.ceil(v - 0.5)}  # fmt: skip
        if rounding in away:
            code = np.sign(code) * away[rounding](abs(code))
        else:
            code = {"ROUND": round, "CEIL": np.ceil, "FLOOR": np.floor}[rounding](float(code))
        return (np.float32(code) - offset) * step

    return np.vectorize(one, otypes=[np.float32])(x, scale, zero)


def qonnx(small, nodes, shape, constants, domain=QONNX):
    model = small(nodes, shape, 13, constants)
    for node in model.graph.node:
        node.domain = domain if "Quant" in node.op_type and "Linear" not in node.op_type else ""
    model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    return model


def parsed(model) -> Graph:
    return OnnxParser().parse(OnnxParser().load(model))


def given(scale, zero, bits):
    return {"s": np.float32(scale), "z": np.float32(zero), "n": np.float32(bits)}


@pytest.mark.parametrize("kind", ["Quant", "IntQuant"])
@pytest.mark.parametrize("domain", [QONNX, "finn.custom_op.general", "onnx.brevitas"])
@pytest.mark.parametrize("rounding", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
@pytest.mark.parametrize(
    ("bits", "signed", "narrow"), [(4, 1, 0), (4, 1, 1), (3, 0, 0), (3, 0, 1), (8, 1, 1), (1, 1, 0)]
)
def test_the_weights_of_qonnx_keep_their_grid(small, kind, domain, rounding, bits, signed, narrow):
    weight, options = floats(8, 6), {"signed": signed, "narrow": narrow, "rounding_mode": rounding}
    nodes = [(kind, ["w", "s", "z", "n"], ["q"], options), ("MatMul", ["x", "q"], ["y"], {})]
    graph = parsed(qonnx(small, nodes, (8,), {"w": weight, **given(0.25, 0, bits)}, domain))
    expected = quantizer(weight, np.float32(0.25), np.float32(0), bits, signed, narrow, rounding)
    node = graph["MatMul1"]
    np.testing.assert_array_equal(node.op.weight, expected)
    found = node.formats["weight"]
    assert (found.bits, found.signed) == (bits, bool(signed))
    assert found.full_range == (bits > 1 and bool(signed) and not narrow)


def test_a_scale_for_each_kernel_of_qonnx(small):
    weight, scale = floats(6, 3, 3, 3), steps(6).reshape(6, 1, 1, 1) * 20
    nodes = [("Quant", ["w", "s", "z", "n"], ["q"], {"signed": 1, "narrow": 1}), ("Conv", ["x", "q"], ["y"], {})]
    graph = parsed(qonnx(small, nodes, (3, 5, 4), {"w": weight, "s": scale, "z": np.float32(0), "n": np.float32(3)}))
    expected = quantizer(weight, scale, np.float32(0), 3, 1, 1, "ROUND")
    np.testing.assert_array_equal(graph["Conv1"].op.weight, expected.transpose(2, 3, 1, 0))
    assert graph["Conv1"].formats["weight"].axis == 3


@pytest.mark.parametrize(
    ("constants", "reason"),
    [
        (given(0.25, 1, 4), "zero point is not zero"),
        ({**given(0, 0, 4), "s": np.abs(floats(8, 6)) + 0.1}, "varies along several axes"),
        (given(-0.25, 0, 4), "not above zero"),
    ],
)
def test_qonnx_weights_off_every_grid_keep_their_values(small, constants, reason):
    weight = floats(8, 6)
    nodes = [("Quant", ["w", "s", "z", "n"], ["q"], {"narrow": 0}), ("MatMul", ["x", "q"], ["y"], {})]
    graph = parsed(qonnx(small, nodes, (8,), {"w": weight, **constants}))
    expected = quantizer(weight, constants["s"], constants["z"], 4, 1, 0, "ROUND")
    np.testing.assert_array_equal(graph["MatMul1"].op.weight, expected)
    assert not graph["MatMul1"].formats
    assert reason in graph.meta["number formats"]


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(
    ("bits", "signed", "narrow"), [(4, 1, 0), (4, 1, 1), (3, 0, 0), (3, 0, 1), (1, 1, 0), (2, 1, 1)]
)
def test_an_activation_of_qonnx(small, relu, bits, signed, narrow):
    before = [("Relu", ["x"], ["r"], {})] if relu else []
    options = {"signed": signed, "narrow": narrow, "rounding_mode": "ROUND"}
    nodes = [*before, ("Quant", ["r" if relu else "x", "s", "z", "n"], ["y"], options)]
    graph = parsed(qonnx(small, nodes, (40,), given(0.25, 0, bits)))
    batch = np.concatenate([floats(3, 40), np.arange(-20, 20, dtype=np.float32)[None] / 8])
    x = np.maximum(batch, 0) if relu else batch
    expected = quantizer(x, np.float32(0.25), np.float32(0), bits, signed, narrow, "ROUND")
    np.testing.assert_array_equal(evaluate(graph, batch), expected)
    kinds = {type(node.op) for node in graph}
    assert (BinaryTanh if bits == 1 else QuantizedRelu if relu or not signed else FakeQuantize) in kinds


def test_bipolar_weights_and_activations(small):
    nodes = [
        ("BipolarQuant", ["w", "t"], ["q"], {}),
        ("MatMul", ["x", "q"], ["a"], {}),
        ("BipolarQuant", ["a", "s"], ["y"], {}),
    ]
    weight = np.round(floats(8, 6))
    constants = {"w": weight, "t": np.float32(0.5), "s": np.float32(0.25)}
    graph = parsed(qonnx(small, nodes, (8,), constants))
    batch = np.round(floats(20, 8, seed=4))
    signs = np.where(weight >= 0, 0.5, -0.5)
    assert not (batch @ signs).all()
    np.testing.assert_array_equal(evaluate(graph, batch), np.where(batch @ signs >= 0, 0.25, -0.25))
    found = graph["MatMul1"].formats["weight"]
    assert (found.bits, found.signed) == (1, True)


@pytest.mark.parametrize(
    ("options", "constants", "words"),
    [
        ({"rounding_mode": "FLOOR"}, given(0.25, 0, 4), "'FLOOR'"),
        ({}, given(0.25, 1, 4), "zero point"),
        ({}, given(0.25, 0, 2.5), "bit width"),
        ({}, given(0.25, 0, 99), "bit width"),
        ({"rounding_mode": "SIDEWAYS"}, given(0.25, 0, 4), "'SIDEWAYS'"),
    ],
)
def test_activations_of_qonnx_that_no_op_rounds_alike_are_refused(small, options, constants, words):
    with pytest.raises(ParseError, match=r"'Quant0' \(Quant: ") as caught:
        parsed(qonnx(small, [("Quant", ["x", "s", "z", "n"], ["y"], options)], (8,), constants))
    assert words in str(caught.value)


def test_the_same_name_in_another_domain_is_not_qonnx(small):
    nodes = [("Quant", ["x", "s", "z", "n"], ["y"], {})]
    with pytest.raises(ParseError, match="no counterpart"):
        parsed(qonnx(small, nodes, (8,), given(0.25, 0, 4), domain="somebody.else"))


def test_that_onnxruntime_does_not_know_qonnx_is_a_note(small):
    model = qonnx(small, [("Quant", ["x", "s", "z", "n"], ["y"], {})], (8,), given(0.25, 0, 4))
    with pytest.raises(PredictionUnavailable, match="onnxruntime does not know Quant"):
        OnnxParser().predict(OnnxParser().load(model), floats(3, 8))


# -- afterwards --------------------------------------------------------------------------------------------------------


def test_formats_are_saved_and_shown(small, tmp_path, capsys):
    constants = stored("w", codes("int8", 8, 6), steps())
    model = small([dequantized("w"), ("Gemm", ["x", "w"], ["y"], {})], (8,), 13, constants)
    onnx.save(model, tmp_path / "m.onnx")
    graph = parsed(model)
    again = snntk.open(snntk.save(graph, tmp_path / "m.snntk"))
    np.testing.assert_array_equal(decoded(again["Gemm1"]), graph["Gemm1"].op.weight)
    assert main(["inspect", str(tmp_path / "m.onnx"), "--json", str(tmp_path / "facts.json")]) == 0
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["nodes"][1]["bits"] == {"weight": 8}


def test_a_conversion_says_whose_weights_left_their_grid(small, tmp_path):
    constants = stored("w", codes("int8", 8, 6), steps()) | stored("m", codes("int8", 6, 3), steps())
    nodes = [
        dequantized("w"),
        dequantized("m"),
        ("Gemm", ["x", "w"], ["a"], {}),
        ("Relu", ["a"], ["b"], {}),
        ("Gemm", ["b", "m"], ["y"], {}),
    ]
    x = np.random.default_rng(3).uniform(size=(60, 8)).astype(np.float32)
    result = snntk.run(small(nodes, (8,), 13, constants), x[:10], calibration=x[10:], steps=4)
    lost = [note for note in result.notes if "have left their number formats" in note]
    off = [name for name in ("Gemm2", "Gemm4") if "weight" not in result.analog[name].formats]
    assert "Gemm4" in off  # its inputs are scaled each by its own factor
    assert lost == [
        f"normalize-activations changed the values of {', '.join(off)}, which have left their number formats."
    ]
