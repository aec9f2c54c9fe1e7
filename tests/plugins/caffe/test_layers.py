"""Every layer with every parameter that changes what it means; what cannot be converted is named."""

from __future__ import annotations

import numpy as np
import pytest
from caffe_networks import data, layer, needs_caffe, save

import snntk
from snntk_caffe import CaffeParser
from snntk_core import ParseError
from snntk_core.ops import BatchNorm, Conv2D, ConvTranspose2D, DepthwiseConv2D, MaxPool, Scale

pytestmark = needs_caffe
R = np.random.default_rng(0)
IMAGE = (4, 7, 6)


def normal(*shape):
    return R.normal(size=shape)


def image(*layers):
    return [data(*IMAGE), *layers]


def convolution(kernel, units=4, groups=1, bias=True, **fields):
    blobs = [normal(units, 4 // groups, *kernel), normal(units)][: 1 + bias]
    fields |= {"num_output": units, "group": groups, "bias_term": bias}
    return image(layer("Convolution", "conv", "data", blobs=blobs, convolution_param=fields))


@pytest.mark.parametrize(
    "layers",
    [
        convolution((3, 3), kernel_size=3),
        convolution((3, 2), kernel_size=[3, 2], stride=[1, 2], pad=[0, 1]),
        convolution((2, 3), kernel_h=2, kernel_w=3, pad_h=1, pad_w=2, stride_h=2, stride_w=1),
        convolution((2, 2), kernel_size=2, dilation=[2, 3]),
        convolution((3, 3), kernel_size=3, bias=False),
        convolution((1, 1), units=6, kernel_size=1),
    ],
)
def test_convolution(compare, layers):
    assert isinstance(compare(layers)["conv"].op, Conv2D)


@pytest.mark.parametrize(("groups", "kind"), [(2, Conv2D), (4, DepthwiseConv2D)])
def test_convolution_in_groups(compare, groups, kind):
    assert isinstance(compare(convolution((3, 3), 8, groups, kernel_size=3))["conv"].op, kind)


def test_depthwise_convolution_of_forks(compare):
    layers = convolution((3, 3), 4, 4, kernel_size=3)
    forks = [layers[0], {**layers[1], "type": "ConvolutionDepthwise"}]
    del forks[1]["convolution_param"]["group"]
    layers[1]["convolution_param"] = {**layers[1]["convolution_param"], "group": 4}
    assert isinstance(compare(layers, spelled=forks)["conv"].op, DepthwiseConv2D)


@pytest.mark.parametrize("fields", [{"kernel_size": 3}, {"kernel_size": 2, "stride": 2}, {"kernel_size": 3, "pad": 1}])
@pytest.mark.parametrize("groups", [1, 2])
def test_deconvolution(compare, fields, groups):
    blobs = [normal(4, 6 // groups, *[fields["kernel_size"]] * 2), normal(6)]
    fields = {**fields, "num_output": 6, "group": groups}
    graph = compare(image(layer("Deconvolution", "up", "data", blobs=blobs, convolution_param=fields)))
    assert isinstance(graph["up"].op, ConvTranspose2D)


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize("rounding", ["CEIL", "FLOOR"])
@pytest.mark.parametrize("shape", [(2, 5, 5), (2, 8, 7), (2, 6, 9)])
@pytest.mark.parametrize(
    "window", [(2, 2, 0), (3, 2, 0), (3, 2, 1), (2, 2, 1), (3, 3, 2), (3, 1, 1), ((2, 3), (2, 1), (1, 0))]
)
def test_pooling(compare, pool, rounding, shape, window):
    sides = [value if isinstance(value, tuple) else (value, value) for value in window]
    names = ("kernel", "stride", "pad")
    fields = {
        f"{n}_{side}": v for n, pair in zip(names, sides, strict=True) for side, v in zip("hw", pair, strict=True)
    }
    compare(
        [data(*shape), layer("Pooling", "pool", "data", pooling_param={**fields, "pool": pool, "round_mode": rounding})]
    )


def test_the_default_pooling_is_the_maximum(compare):
    graph = compare([data(2, 5, 5), layer("Pooling", "pool", "data", pooling_param={"kernel_size": 2, "stride": 2})])
    assert isinstance(graph["pool"].op, MaxPool)
    assert graph["pool"].op.padding == ((0, 1), (0, 1))


@pytest.mark.parametrize("spread", [{}, {"axis": 1, "num_axes": 2}, {"axis": 2}, {"num_axes": -1}, {"num_axes": 0}])
@pytest.mark.parametrize("kind", ["Scale", "Bias"])
def test_scale_and_bias_over_any_axes(compare, spread, kind):
    axis, axes = spread.get("axis", 1), spread.get("num_axes", 1)
    shape = IMAGE[axis - 1 :] if axes == -1 else IMAGE[axis - 1 : axis - 1 + axes]
    blobs = [normal(*shape)] * (1 if kind == "Bias" else 2)
    fields = {"bias_param": spread} if kind == "Bias" else {"scale_param": {**spread, "bias_term": True}}
    compare(image(layer(kind, "scale", "data", blobs=blobs, **fields)))


def norm(name, bottom, top=None, factor=2.0):
    blobs = [normal(4) * factor, R.uniform(0.5, 2, 4) * factor, [factor]]
    return layer("BatchNorm", name, bottom, top, blobs=blobs)


def test_a_scale_behind_a_batch_norm_is_part_of_it(compare):
    scale = layer("Scale", "scale", "norm", blobs=[normal(4), normal(4)], scale_param={"bias_term": True})
    graph = compare(image(norm("norm", "data"), scale))
    assert [type(node.op).__name__ for node in graph][:3] == ["Input", "BatchNorm", "Transpose"]


def test_a_scale_is_not_when_something_else_reads_the_batch_norm(compare):
    scale = layer("Scale", "scale", "norm", blobs=[normal(4)])
    graph = compare(image(norm("norm", "data"), scale, layer("Eltwise", "sum", "norm scale")))
    assert isinstance(graph["norm"].op, BatchNorm)
    assert isinstance(graph["scale"].op, Scale)


def test_a_batch_norm_that_was_never_trained(compare):
    compare(image(norm("norm", "data", factor=0.0)))


@pytest.mark.parametrize("coefficients", [{}, {"coeff": [1, -1, 0.5]}])
@pytest.mark.parametrize("operation", ["SUM", "PROD", "MAX"])
def test_eltwise_of_three(compare, operation, coefficients):
    if operation != "SUM" and coefficients:
        return
    branches = [
        layer("Power", f"b{i}", "data", power_param={"scale": s, "shift": 0.3}) for i, s in enumerate((2, -1, 3))
    ]
    join = layer("Eltwise", "join", "b0 b1 b2", eltwise_param={"operation": operation, **coefficients})
    compare(image(*branches, join))


@pytest.mark.parametrize("operation", ["SUM", "PROD", "MAX"])
def test_eltwise_of_a_blob_with_itself(compare, operation):
    compare(image(layer("Eltwise", "join", "data data", eltwise_param={"operation": operation})))


@pytest.mark.parametrize("fields", [{"concat_param": {"axis": 2}}, {"concat_param": {"axis": -1}}, {}])
def test_concat(compare, fields):
    compare(image(layer("TanH", "tanh", "data"), layer("Concat", "join", "data tanh", **fields)))


@pytest.mark.parametrize("dims", [[0, -1], [0, 2, -1], [1, 8, 3, 7], [-1, 12, 14], [0, 0, 42], [0, 4, 7, 6]])
def test_reshape(compare, dims):
    layers = image(
        layer("ReLU", "relu", "data"), layer("Reshape", "shape", "relu", reshape_param={"shape": {"dim": dims}})
    )
    truth = [2 if index == 0 else n for index, n in enumerate(dims)]
    plain = [*layers[:2], {**layers[2], "reshape_param": {"shape": {"dim": truth}}}]
    compare(plain, spelled=layers)


def test_blobs_that_are_written_again_and_again(compare):
    first = layer("Power", "twice", "data", "data", power_param={"scale": 2})
    second = layer("Power", "more", "data", "data", power_param={"shift": 1})
    compare(image(first, layer("TanH", "tanh", "data"), second, layer("Eltwise", "sum", "data tanh", "data")))


def test_split_and_dropout_leave_no_trace(compare):
    layers = [layer("Split", "split", "data", "a b"), layer("Dropout", "drop", "a"), layer("Eltwise", "sum", "drop b")]
    assert [node.name for node in compare(image(*layers))] == ["data", "sum"]


def test_names_of_layers_are_kept(compare):
    weight = normal(5, 168)
    product = layer("InnerProduct", "fc/6", "data", blobs=[weight, normal(5)], inner_product_param={"num_output": 5})
    graph = compare(image(product, layer("ReLU", "relu", "fc/6", "fc/6"), layer("Softmax", "prob", "fc/6")))
    assert [node.name for node in graph] == ["data", "fc/6_flat", "fc/6", "relu", "prob"]


def lrn(**fields):
    return layer("LRN", "bad", "data", lrn_param=fields)


@pytest.mark.parametrize("fields", [{}, {"local_size": 3, "alpha": 2.0, "beta": 0.5, "k": 0.25}, {"local_size": 9}])
def test_local_response_normalization(compare, fields):
    compare(image(layer("LRN", "norm", "data", lrn_param=fields)))


REFUSED = {
    "ELU": (layer("ELU", "bad", "data"), "not supported"),
    "AbsVal": (layer("AbsVal", "bad", "data"), "not supported"),
    "Python": (layer("Python", "bad", "data", python_param={"module": "os", "layer": "system"}), "not supported"),
    "Slice": (layer("Slice", "bad", "data", "bad other"), "not supported"),
    "LRN": (lrn(norm_region="WITHIN_CHANNEL"), "within channels"),
    "LRN size": (lrn(local_size=4), "odd numbers only"),
    "Power": (layer("Power", "bad", "data", power_param={"power": 2}), "power 2"),
    "Pooling": (layer("Pooling", "bad", "data", pooling_param={"pool": "STOCHASTIC", "kernel_size": 2}), "STOCHASTIC"),
    "Pooling outside": (layer("Pooling", "bad", "data", pooling_param={"kernel_size": 1, "stride": 5}), "outside"),
    "Pooling pad": (layer("Pooling", "bad", "data", pooling_param={"kernel_size": 2, "pad": 2}), "smaller"),
    "Pooling kernel": (layer("Pooling", "bad", "data", pooling_param={}), "no window"),
    "Scale": (layer("Scale", "bad", "data data"), "two computed"),
    "BatchNorm": (layer("BatchNorm", "bad", "data", batch_norm_param={"use_global_stats": False}), "each batch"),
    "Softmax": (layer("Softmax", "bad", "data", softmax_param={"axis": 0}), "batch"),
    "Concat": (layer("Concat", "bad", "data data", concat_param={"axis": 0}), "batch"),
    "Reshape": (layer("Reshape", "bad", "data", reshape_param={"shape": {"dim": [0, 5, 5]}}), "apart"),
    "Convolution": (
        layer("Convolution", "bad", "data", convolution_param={"kernel_size": 3, "num_output": 2}),
        "nothing",
    ),
    "InnerProduct": (
        layer("InnerProduct", "bad", "data", blobs=[normal(5, 4), normal(5)], inner_product_param={"num_output": 5}),
        "shape [5, 4]",
    ),
    "InnerProduct bias": (
        layer("InnerProduct", "bad", "data", blobs=[normal(5, 168)], inner_product_param={"num_output": 5}),
        "1 arrays for it, but 2",
    ),
    "bottom": (layer("ReLU", "bad", "missing"), "which nothing defines"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_converted_is_named(tmp_path, case):
    bad, words = REFUSED[case]
    layers = [data(4, 7, 7), bad] if case == "Pooling outside" else image(bad)
    with pytest.raises(ParseError) as caught:
        snntk.parse(save(tmp_path, layers))
    message = str(caught.value)
    assert "'bad' (" in message
    assert words in message
    assert message.endswith(".")
    assert "\n" not in message


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    layers = image(lrn(norm_region="WITHIN_CHANNEL"), layer("ELU", "elu", "data"), layer("Power", "square", "bad"))
    layers[-1]["power_param"] = {"power": 2}
    with pytest.raises(ParseError, match=r"'bad' \(LRN.*'elu' \(ELU.*'square' \(Power"):
        CaffeParser().load(save(tmp_path, layers))
