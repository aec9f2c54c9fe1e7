"""Every operator with every option that changes what it means, over the versions of the operator set."""

import numpy as np
import pytest

from snntk_core import ParseError
from snntk_core.ops import (
    AveragePool,
    ClippedRelu,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Input,
    LocalResponseNormalization,
    LogSoftmax,
    Relu,
    Scale,
    Upsample,
)

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
RNG = np.random.default_rng(0)
OPSETS = [7, 8, 9, 10, 11, 12, 13, 15, 18, 20, 22, 25]


def floats(*shape, low=-1.0):
    return RNG.uniform(low, 1, shape).astype(np.float32)


def integers(*values):
    return np.array(values, np.int64)


def axes_form(opset, since, axes):
    """(attributes, inputs, constants) of an operator whose axes became an input in version ``since``."""
    if opset < since:
        return {"axes": list(axes)}, [], {}
    return {}, ["axes"], {"axes": integers(*axes)}


# -- convolutions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize(
    ("weight", "options"),
    [
        ((4, 3, 3, 3), {}),
        ((4, 3, 3, 2), {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
        ((4, 3, 2, 2), {"dilations": [2, 3]}),
        ((4, 3, 4, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ((4, 3, 4, 2), {"auto_pad": "SAME_LOWER", "strides": [1, 2]}),
        ((4, 3, 2, 2), {"auto_pad": "VALID"}),
    ],
)
def test_conv(compare, transposes, opset, weight, options):
    constants = {"w": floats(*weight), "b": floats(weight[0])}
    nodes = [("Conv", ["x", "w", "b"], ["h"], options), ("Flatten", ["h"], ["y"], {})]
    graph = compare(nodes, (3, 9, 8), opset, constants)
    assert "Conv0" in graph
    assert isinstance(graph["Conv0"].op, Conv2D)


@pytest.mark.parametrize("options", [{}, {"strides": [2], "pads": [1, 2]}, {"dilations": [2]}, {"auto_pad": "VALID"}])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_conv_with_one_spatial_axis(compare, options, groups):
    constants = {"w": floats(4, 4 // groups, 3), "b": floats(4)}
    compare([("Conv", ["x", "w", "b"], ["y"], {"group": groups, **options})], (4, 9), 13, constants)


@pytest.mark.parametrize(("groups", "kind"), [(2, Conv2D), (4, DepthwiseConv2D)])
def test_conv_with_groups(compare, groups, kind):
    constants = {"w": floats(8, 4 // groups, 3, 3)}
    graph = compare([("Conv", ["x", "w"], ["y"], {"group": groups})], (4, 6, 6), 13, constants)
    assert isinstance(graph["Conv0"].op, kind)


@pytest.mark.parametrize("opset", [7, 11, 13, 22])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": [2, 3], "pads": [1, 0, 0, 2]},
        {"strides": [2, 2], "output_padding": [1, 1]},
        {"dilations": [2, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
        {"strides": [2, 2], "output_shape": [9, 8]},
    ],
)
def test_conv_transpose(compare, opset, groups, options):
    constants = {"w": floats(4, 3, 3, 3), "b": floats(3 * groups)}
    compare([("ConvTranspose", ["x", "w", "b"], ["y"], {"group": groups, **options})], (4, 5, 4), opset, constants)


# -- dense -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("options", [{}, {"transB": 1}, {"alpha": 0.5, "beta": 2.0}])
@pytest.mark.parametrize("bias", [(5,), (1, 5), (1,), ()])
def test_gemm(compare, opset, options, bias):
    weight = floats(5, 6) if options.get("transB") else floats(6, 5)
    compare([("Gemm", ["x", "w", "b"], ["y"], options)], (6,), opset, {"w": weight, "b": floats(*bias)})


def test_gemm_without_and_with_computed_bias(compare):
    nodes = [
        ("Gemm", ["x", "w"], ["h"], {}),
        ("Gemm", ["h", "v", "h"], ["y"], {"beta": 0.5}),
    ]
    compare(nodes, (6,), 13, {"w": floats(6, 5), "v": floats(5, 5)})


def test_matmul_and_add_is_one_dense(compare):
    nodes = [("MatMul", ["x", "w"], ["h"], {}), ("Add", ["b", "h"], ["y"], {})]
    graph = compare(nodes, (6,), 13, {"w": floats(6, 5), "b": floats(1, 5)})
    assert [type(node.op) for node in graph] == [Input, Dense]
    assert graph.outputs == ("MatMul0",)


def test_a_matmul_with_a_second_reader_keeps_its_value(compare):
    nodes = [
        ("MatMul", ["x", "w"], ["h"], {}),
        ("Add", ["h", "b"], ["a"], {}),
        ("Sub", ["a", "h"], ["c"], {}),
        ("Add", ["c", "h"], ["y"], {}),
    ]
    compare(nodes, (6,), 13, {"w": floats(6, 5), "b": floats(5)})


@pytest.mark.parametrize("shape", [(4, 6), (2, 4, 6)])
def test_matmul_on_the_last_axis(compare, shape):
    compare([("MatMul", ["x", "w"], ["y"], {})], shape, 13, {"w": floats(6, 5)})


def test_matmul_with_a_constant_on_the_left(compare):
    compare([("MatMul", ["w", "x"], ["y"], {})], (4, 6), 13, {"w": floats(5, 4)})


def test_weights_that_are_computed_from_constants(compare):
    nodes = [
        ("Reshape", ["w", "s"], ["w1"], {}),
        ("Transpose", ["w1"], ["w2"], {"perm": [1, 0]}),
        ("Mul", ["w2", "two"], ["w3"], {}),
        ("MatMul", ["x", "w3"], ["y"], {}),
    ]
    compare(nodes, (6,), 8, {"w": floats(5, 2, 3), "s": integers(5, -1), "two": np.float32(2)})


def test_dequantized_weights(compare):
    constants = {
        "q": RNG.integers(-128, 127, (6, 5)).astype(np.int8),
        "s": floats(5, low=0.1),
        "z": RNG.integers(-3, 3, 5).astype(np.int8),
    }
    nodes = [("DequantizeLinear", ["q", "s", "z"], ["w"], {"axis": 1}), ("MatMul", ["x", "w"], ["y"], {})]
    compare(nodes, (6,), 13, constants)


# -- pooling ---------------------------------------------------------------------------------------------------------

WINDOWS = [
    {"kernel_shape": [2, 2]},
    {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]},
    {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "VALID"},
]


@pytest.mark.parametrize("opset", [7, 10, 13, 22])
@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_pool(compare, opset, kind, options):
    compare([(kind, ["x"], ["y"], options)], (3, 7, 6), opset)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("opset", [10, 13, 22])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [3, 3], "pads": [1, 1, 0, 0]},
    ],
)
def test_pool_ceil_mode(compare, opset, kind, options):
    compare([(kind, ["x"], ["y"], {**options, "ceil_mode": 1})], (2, 7, 8), opset)


@pytest.mark.parametrize("opset", [7, 13, 22])
@pytest.mark.parametrize("ceil", [0, 1])
def test_average_pool_that_counts_padding(compare, opset, ceil):
    options = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}
    options |= {"ceil_mode": 1} if ceil and opset > 9 else {}
    graph = compare([("AveragePool", ["x"], ["y"], options)], (2, 6, 7), opset)
    assert isinstance(graph["AveragePool0"].op, AveragePool)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_pool_with_one_spatial_axis(compare, kind):
    compare([(kind, ["x"], ["y"], {"kernel_shape": [3], "strides": [2], "pads": [1, 0]})], (2, 9), 13)


def test_max_pool_with_dilation(compare):
    compare([("MaxPool", ["x"], ["y"], {"kernel_shape": [2, 2], "dilations": [2, 3]})], (2, 7, 8), 13)


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 6)])
def test_global_pool(compare, transposes, kind, shape):
    nodes = [(kind, ["x"], ["h"], {}), ("Flatten", ["h"], ["f"], {}), ("MatMul", ["f", "w"], ["y"], {})]
    assert not transposes(compare(nodes, shape, 13, {"w": floats(3, 2)}))


@pytest.mark.parametrize(("kind", "since"), [("ReduceMean", 18), ("ReduceMax", 18), ("ReduceSum", 13)])
@pytest.mark.parametrize("opset", [7, 11, 13, 18, 22])
@pytest.mark.parametrize("axes", [(2, 3), (1, 3), (1, 2)])
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions_are_global_pools(compare, kind, since, opset, axes, keep):
    attributes, extra, constants = axes_form(opset, since, axes)
    nodes = [(kind, ["x", *extra], ["y"], {"keepdims": keep, **attributes})]
    graph = compare(nodes, (3, 4, 5), opset, constants)
    if kind == "ReduceMean":
        assert any(isinstance(node.op, GlobalAveragePool) for node in graph)


def test_reduction_of_axes_counted_from_the_end(compare):
    compare([("ReduceMean", ["x"], ["y"], {"axes": [-1, -2]})], (3, 4, 5), 13)


# -- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 18, 22])
@pytest.mark.parametrize("pads", [(0, 0, 1, 2, 0, 0, 0, 3), (0, 1, 0, 0, 0, 2, -1, 1), (0, 0, -1, -2, 0, 0, 0, 0)])
def test_pad(compare, opset, pads):
    if opset < 11:
        nodes = [("Pad", ["x"], ["y"], {"pads": list(pads), "value": 0.5})]
        compare(nodes, (2, 5, 6), opset)
    else:
        nodes = [("Pad", ["x", "p", "v"], ["y"], {"mode": "constant"})]
        compare(nodes, (2, 5, 6), opset, {"p": integers(*pads), "v": np.float32(0.5)})


def test_pad_of_some_axes(compare):
    nodes = [("Pad", ["x", "p", "", "a"], ["y"], {})]
    compare(nodes, (2, 5, 6), 18, {"p": integers(1, 0, 0, 2), "a": integers(-1, 1)})


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("target", [(0, -1), (-1, 60), (0, 3, 20), (0, 0, -1), (-1, 5, 12), (0, 3, 4, 5)])
def test_reshape(compare, opset, target):
    compare([("Reshape", ["x", "s"], ["y"], {})], (3, 4, 5), opset, {"s": integers(*target)})


@pytest.mark.parametrize("target", [(1, -1), (1, 60), (-1, 60), (1, 3, 20)])
def test_reshape_with_a_fixed_batch(compare, target):
    compare([("Reshape", ["x", "s"], ["y"], {})], (3, 4, 5), 13, {"s": integers(*target)}, batch=1)


def test_a_fixed_huge_batch_is_a_batch(compare):
    nodes = [("Gemm", ["x", "w"], ["h"], {}), ("Reshape", ["h", "s"], ["y"], {})]
    compare(nodes, (10,), 13, {"w": floats(10, 6), "s": integers(789444, 2, 3)}, batch=789444)


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 21])
def test_reshape_to_a_computed_shape(compare, opset):
    attributes, extra, constants = axes_form(opset, 13, (0,))
    nodes = [
        ("Shape", ["x"], ["s"], {}),
        ("Gather", ["s", "zero"], ["n"], {"axis": 0}),
        ("Unsqueeze", ["n", *extra], ["n1"], attributes),
        ("Concat", ["n1", "minus"], ["t"], {"axis": 0}),
        ("Reshape", ["x", "t"], ["y"], {}),
    ]
    compare(nodes, (3, 4), opset, {"zero": np.int64(0), "minus": integers(-1), **constants})


def test_reshape_to_a_shape_from_arithmetic(compare):
    nodes = [
        ("Shape", ["x"], ["s"], {"start": 1}),
        ("ReduceProd", ["s"], ["p"], {"keepdims": 1}),
        ("Shape", ["x"], ["b"], {"end": 1}),
        ("Cast", ["p"], ["f"], {"to": 1}),
        ("Mul", ["f", "half"], ["h"], {}),
        ("Floor", ["h"], ["g"], {}),
        ("Cast", ["g"], ["i"], {"to": 7}),
        ("Concat", ["b", "i", "two"], ["t"], {"axis": 0}),
        ("Reshape", ["x", "t"], ["y"], {}),
    ]
    compare(nodes, (3, 4), 15, {"half": np.array([0.5], np.float32), "two": integers(2)})


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axes", [(2,), (2, 3)])
def test_squeeze_and_unsqueeze(compare, opset, axes):
    attributes, extra, constants = axes_form(opset, 13, axes)
    nodes = [("Squeeze", ["x", *extra], ["h"], attributes), ("Unsqueeze", ["h", *extra], ["y"], attributes)]
    compare(nodes, (3, 1, 1), opset, constants)


def test_squeeze_of_every_axis_of_length_one(compare):
    compare([("Squeeze", ["x"], ["y"], {})], (3, 1, 4), 13)


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 24])
def test_flatten(compare, opset):
    graph = compare([("Flatten", ["x"], ["y"], {})], (3, 1, 4), opset)
    assert isinstance(graph["Flatten0"].op, Flatten)


def test_flatten_of_a_fixed_single_sample(compare):
    compare([("Flatten", ["x"], ["y"], {"axis": 0})], (3, 4), 13, batch=1)


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (0, 3, 1, 2), (0, 1, 3, 2)])
def test_transpose(compare, order):
    compare([("Transpose", ["x"], ["y"], {"perm": list(order)})], (3, 4, 5), 13)


@pytest.mark.parametrize("opset", [7, 9, 10, 13])
def test_slice_and_concat(compare, opset):
    if opset < 10:
        nodes = [("Slice", ["x"], ["a"], {"starts": [1, -2], "ends": [3, 99], "axes": [1, 3]})]
        constants = {}
    else:
        nodes = [("Slice", ["x", "s", "e", "ax"], ["a"], {})]
        constants = {"s": integers(1, -2), "e": integers(3, 99), "ax": integers(1, -1)}
    compare([*nodes, ("Concat", ["a", "a"], ["y"], {"axis": 2})], (4, 3, 5), opset, constants)


@pytest.mark.parametrize("opset", [7, 11, 13, 18, 22])
@pytest.mark.parametrize("sizes", [(2, 2), (1, 3), None])
def test_split(compare, opset, sizes):
    constants, inputs, attributes = {}, ["x"], {"axis": 1}
    if sizes and opset < 13:
        attributes["split"] = list(sizes)
    elif sizes:
        constants, inputs = {"s": integers(*sizes)}, ["x", "s"]
    elif opset >= 18:
        attributes["num_outputs"] = 2
    nodes = [("Split", inputs, ["a", "b"], attributes), ("Concat", ["b", "a"], ["y"], {"axis": 1})]
    compare(nodes, (4, 3, 3), opset, constants)


@pytest.mark.parametrize("axis", [1, -1, 2])
def test_concat(compare, axis):
    nodes = [("Relu", ["x"], ["a"], {}), ("Tanh", ["x"], ["b"], {}), ("Concat", ["a", "b", "x"], ["y"], {"axis": axis})]
    compare(nodes, (2, 3, 4), 13)


# -- normalization and activations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [7, 9, 13, 14, 15, 22])
@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 4, 5)])
def test_batch_normalization(compare, opset, shape):
    constants = {"s": floats(3), "b": floats(3), "m": floats(3), "v": floats(3, low=0.5)}
    nodes = [("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], {"epsilon": 1e-3})]
    compare(nodes, shape, opset, constants)


@pytest.mark.parametrize("opset", [7, 13, 22])
@pytest.mark.parametrize(
    "options",
    [{"size": 5}, {"size": 3, "alpha": 2.0, "beta": 0.5, "bias": 2.0}, {"size": 1, "alpha": 1.0}, {"size": 9}],
)
def test_local_response_normalization(compare, transposes, opset, options):
    nodes = [("Conv", ["x", "w"], ["c"], {}), ("LRN", ["c"], ["y"], options)]
    graph = compare(nodes, (3, 4, 5), opset, {"w": floats(6, 3, 1, 1)})
    assert isinstance(graph["LRN1"].op, LocalResponseNormalization)
    assert transposes(graph) == 1


@pytest.mark.parametrize("options", [{}, {"size": 0}, {"size": 3, "bias": 0.0}, {"size": 3, "alpha": -1.0}])
def test_a_local_response_that_may_divide_by_nothing_is_refused(load_small, options):
    with pytest.raises(ParseError, match="'LRN0' \\(LRN"):
        load_small([("LRN", ["x"], ["y"], options)], (3, 4, 5), 13)


@pytest.mark.parametrize("opset", [7, 8, 13, 16, 22])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Relu", {}),
        ("LeakyRelu", {}),
        ("LeakyRelu", {"alpha": 0.3}),
        ("Elu", {"alpha": 0.7}),
        ("Selu", {}),
        ("Selu", {"alpha": 1.2, "gamma": 0.9}),
        ("Sigmoid", {}),
        ("HardSigmoid", {}),
        ("HardSigmoid", {"alpha": 0.4, "beta": 0.3}),
        ("Tanh", {}),
        ("Softplus", {}),
        ("Identity", {}),
        ("Neg", {}),
        ("Cast", {"to": 1}),
    ],
)
def test_activation(compare, opset, kind, options):
    compare([(kind, ["x"], ["y"], options)], (3, 4, 5), opset)


@pytest.mark.parametrize("opset", [7, 9, 13, 16])
@pytest.mark.parametrize("slope", [(3, 1, 1), (1,), (1, 3, 1, 1), (4, 5), (3, 4, 5)])
def test_p_relu(compare, opset, slope):
    compare([("PRelu", ["x", "s"], ["y"], {})], (3, 4, 5), opset, {"s": floats(*slope)})


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize(("low", "high"), [(-0.5, 0.4), (0.0, 6.0), (0.0, None), (None, 0.3), (None, None)])
def test_clip(compare, opset, low, high):
    if opset < 11:
        bounds = {key: value for key, value in (("min", low), ("max", high)) if value is not None}
        graph = compare([("Clip", ["x"], ["y"], bounds)], (5,), opset)
    else:
        names = ["lo" if low is not None else "", "hi" if high is not None else ""]
        constants = {k: np.float32(v) for k, v in (("lo", low), ("hi", high)) if v is not None}
        graph = compare([("Clip", ["x", *names], ["y"], {})], (5,), opset, constants)
    if high is None and low is not None:
        assert isinstance(graph["Clip0"].op, Relu)


@pytest.mark.parametrize("kind", ["Max", "Min"])
@pytest.mark.parametrize("bound", [0.0, 0.25])
def test_bounds(compare, kind, bound):
    graph = compare([(kind, ["x", "c"], ["y"], {})], (5,), 13, {"c": np.float32(bound)})
    assert isinstance(graph[f"{kind}0"].op, Relu | ClippedRelu)


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("opset", [7, 11, 12, 13, 18])
@pytest.mark.parametrize(("shape", "axis"), [((6,), 1), ((6,), None), ((3, 4), 1), ((3, 4), 2), ((2, 3, 4), 2)])
def test_softmax_before_and_after_version_13(compare, kind, opset, shape, axis):
    options = {} if axis is None else {"axis": axis}
    compare([(kind, ["x"], ["y"], options)], shape, opset)


def test_softmax_over_axes_of_length_one(compare):
    compare([("Softmax", ["x"], ["y"], {"axis": 1})], (6, 1, 1), 11)


def test_softmax_and_log_is_log_softmax(compare):
    graph = compare([("Softmax", ["x"], ["h"], {"axis": 1}), ("Log", ["h"], ["y"], {})], (6,), 13)
    assert [type(node.op) for node in graph] == [Input, LogSoftmax]


@pytest.mark.parametrize("opset", [7, 10, 12, 13, 22])
def test_dropout(compare, opset):
    if opset < 12:
        compare([("Dropout", ["x"], ["y"], {"ratio": 0.3})], (6,), opset)
    else:
        nodes = [("Dropout", ["x", "r", "t"], ["y"], {})]
        graph = compare(nodes, (6,), opset, {"r": np.float32(0.3), "t": np.bool_(False)})
        assert graph["Dropout0"].op.rate == pytest.approx(0.3)


# -- arithmetic ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [7, 13, 14])
@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 1), (1, 3, 1, 1), (5,), (3, 4, 5), (1, 1, 1, 5)])
@pytest.mark.parametrize("first", [False, True])
def test_arithmetic_with_constants_is_a_scale(compare, opset, kind, shape, first):
    if kind == "Div":
        first = False  # a division by a computed value is refused
    reads = ["c", "x"] if first else ["x", "c"]
    graph = compare([(kind, reads, ["y"], {})], (3, 4, 5), opset, {"c": floats(*shape, low=0.3)})
    assert isinstance(graph[f"{kind}0"].op, Scale)


@pytest.mark.parametrize(("kind", "axis"), [("Add", 1), ("Sub", 1), ("Mul", -3), ("Div", 2)])
def test_version_6_names_the_axis_of_a_constant(compare, kind, axis):
    shape = {1: (3,), -3: (3,), 2: (4, 5)}[axis]
    constant = floats(*shape, low=0.3)
    function = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[kind]
    spread = constant.reshape(3, 1, 1) if axis != 2 else constant
    nodes = [(kind, ["x", "c"], ["y"], {"broadcast": 1, "axis": axis})]
    compare(nodes, (3, 4, 5), 6, {"c": constant}, expected=lambda x: function(x, spread))


def test_version_6_has_a_slope_for_each_channel(compare):
    slope = floats(3)
    nodes = [("PRelu", ["x", "s"], ["y"], {})]
    compare(nodes, (3, 4, 3), 6, {"s": slope}, expected=lambda x: np.where(x > 0, x, slope.reshape(3, 1, 1) * x))


def test_version_6_of_a_network(compare):
    constants = {"w": floats(4, 3, 3, 3), "s": floats(4), "v": floats(4, low=0.5), "d": floats(64, 2)}
    nodes = [
        ("Conv", ["x", "w"], ["a"], {"pads": [1, 1, 1, 1]}),
        ("BatchNormalization", ["a", "s", "s", "s", "v"], ["b"], {"is_test": 1}),
        ("LeakyRelu", ["b"], ["c"], {}),
        ("Dropout", ["c"], ["e"], {"is_test": 1}),
        ("Reshape", ["e", "shape"], ["f"], {}),
        ("Gemm", ["f", "d", "bias"], ["y"], {"broadcast": 1}),
    ]
    compare(nodes, (3, 4, 4), 6, {**constants, "shape": integers(-1, 64), "bias": floats(2)})


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Sum", "Mean"])
def test_arithmetic_of_values(compare, kind):
    nodes = [("Relu", ["x"], ["a"], {}), ("Tanh", ["x"], ["b"], {}), (kind, ["a", "b"], ["y"], {})]
    compare(nodes, (3, 4), 13)


@pytest.mark.parametrize("kind", ["Sum", "Mean"])
def test_variadic_arithmetic(compare, kind):
    nodes = [("Relu", ["x"], ["a"], {}), (kind, ["a", "x", "c"], ["y"], {})]
    compare(nodes, (3, 4), 13, {"c": floats(4)})
    compare([(kind, ["x"], ["y"], {})], (3, 4), 13)


# -- resizing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factors", [(1, 1, 2, 3), (1, 1, 1, 1)])
def test_upsample(compare, factors):
    options = {"mode": "nearest", "scales": [float(f) for f in factors]}
    compare([("Upsample", ["x"], ["y"], options)], (2, 3, 4), 7)
    constants = {"s": np.array(factors, np.float32)}
    graph = compare([("Upsample", ["x", "s"], ["y"], {"mode": "nearest"})], (2, 3, 4), 9, constants)
    assert isinstance(graph["Upsample0"].op, Upsample) == (max(factors) > 1)
    compare([("Resize", ["x", "s"], ["y"], {"mode": "nearest"})], (2, 3, 4), 10, constants)


@pytest.mark.parametrize("opset", [11, 13, 18, 19])
@pytest.mark.parametrize(
    ("transformation", "rounding"),
    [("half_pixel", "round_prefer_floor"), ("asymmetric", "floor"), ("pytorch_half_pixel", "round_prefer_ceil")],
)
def test_resize(compare, opset, transformation, rounding):
    options = {"mode": "nearest", "coordinate_transformation_mode": transformation, "nearest_mode": rounding}
    constants = {"roi": floats(0), "s": np.array([1, 1, 2, 3], np.float32)}
    compare([("Resize", ["x", "roi", "s"], ["y"], options)], (2, 3, 4), opset, constants)
    empty = ["roi", "none"] if opset < 13 else ["", ""]  # optional only since version 13
    sized = {"sizes": integers(3, 2, 6, 12), "roi": floats(0), "none": floats(0)}
    compare([("Resize", ["x", *empty, "sizes"], ["y"], options)], (2, 3, 4), opset, sized, batch=3)


def test_resize_to_a_computed_size(compare):
    nodes = [
        ("Shape", ["x"], ["s"], {}),
        ("Slice", ["s", "zero", "two"], ["head"], {}),
        ("Concat", ["head", "hw"], ["sizes"], {"axis": 0}),
        ("Resize", ["x", "", "", "sizes"], ["y"], {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
                                                   "nearest_mode": "floor"}),
    ]  # fmt: skip
    compare(nodes, (2, 3, 4), 13, {"zero": integers(0), "two": integers(2), "hw": integers(6, 8)})


# -- whole files -----------------------------------------------------------------------------------------------------


def test_nodes_in_any_order(compare):
    compare([("Tanh", ["b"], ["y"], {}), ("Relu", ["a"], ["b"], {}), ("Neg", ["x"], ["a"], {})], (4,), 13)


def test_a_network_loses_its_transposes(compare, transposes):
    constants = {"mean": floats(3, 1, 1), "w": floats(4, 3, 3, 3), "p": floats(4, 1, 1)}
    constants |= {"d": floats(64, 5), "b": floats(5)}
    nodes = [
        ("Sub", ["x", "mean"], ["n"], {}),
        ("Conv", ["n", "w"], ["a"], {"pads": [1, 1, 1, 1]}),
        ("Add", ["a", "p"], ["c"], {}),
        ("Relu", ["c"], ["e"], {}),
        ("Flatten", ["e"], ["f"], {}),
        ("MatMul", ["f", "d"], ["g"], {}),
        ("Add", ["g", "b"], ["y"], {}),
    ]
    graph = compare(nodes, (3, 4, 4), 13, constants)
    assert not transposes(graph)
    assert graph.source.op.order == (1, 2, 0)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([("ArgMax", ["x"], ["y"], {})], ["ArgMax0", "counterpart"]),
        ([("Exp", ["x"], ["h"], {}), ("Erf", ["h"], ["y"], {})], ["Exp0", "Erf1"]),
        ([("Reshape", ["x", "s"], ["y"], {})], ["Reshape0", "apart"]),
        ([("Transpose", ["x"], ["y"], {"perm": [1, 0, 2, 3]})], ["Transpose0", "batch"]),
        ([("Softmax", ["x"], ["y"], {"axis": 0})], ["Softmax0", "batch"]),
        ([("Concat", ["x", "x"], ["y"], {"axis": 0})], ["Concat0", "batch"]),
        ([("Relu", ["nothing"], ["y"], {})], ["Relu0", "nothing"]),
        ([("Identity", ["s"], ["y"], {})], ["'y'", "does not depend"]),
        ([("Relu", ["y"], ["h"], {}), ("Relu", ["h"], ["y"], {})], ["itself"]),
        ([("Relu", ["x"], ["y"], {}), ("Tanh", ["x"], ["y"], {})], ["'y'", "twice"]),
        ([("MaxPool", ["x"], ["y"], {"kernel_shape": [0, 2]})], ["MaxPool0", "kernel_shape"]),
        ([("MaxPool", ["x"], ["y"], {"kernel_shape": [9, 9]})], ["MaxPool0", "does not fit"]),
        ([("Resize", ["x", "", "f"], ["y"], {"mode": "linear"})], ["Resize0", "nearest"]),
        ([("Pad", ["x", "s"], ["y"], {"mode": "reflect"})], ["Pad0", "reflect"]),
    ],
)
def test_what_is_refused_is_named(load_small, nodes, words):
    with pytest.raises(ParseError) as caught:
        load_small(nodes, (3, 4, 4), 13, {"s": integers(7, -1), "f": np.ones(4, np.float32)})
    message = str(caught.value)
    assert all(word in message for word in words)
    assert "\n" not in message
    assert message.endswith(".")


def test_the_newest_version_that_onnx_knows(compare):
    weight = floats(4, 3)
    nodes = [("MatMul", ["x", "w"], ["h"], {}), ("Relu", ["h"], ["y"], {})]
    newest = onnx.defs.onnx_opset_version()
    compare(nodes, (4,), newest, {"w": weight}, expected=lambda x: np.maximum(x @ weight, 0))


def test_the_batch_is_called_batch_in_messages(load_small):
    nodes = [("Shape", ["x"], ["s"], {}), ("ConstantOfShape", ["s"], ["z"], {}), ("Add", ["x", "z"], ["y"], {})]
    with pytest.raises(ParseError, match=r"\(batch, 4\)"):
        load_small(nodes, (4,), 13)
