"""Models of Keras 2, and of Keras 1 and other libraries as they lie in files."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from snntk_core import evaluate
from snntk_core.ops import (
    BinarySigmoid,
    BinaryTanh,
    Conv2D,
    HardSigmoid,
    QuantizedRelu,
    Softplus,
    ThresholdRelu,
)
from snntk_keras import KerasParser

SPEC = importlib.util.spec_from_file_location("written", Path(__file__).with_name("written.py"))
written = importlib.util.module_from_spec(SPEC)
pytest.importorskip("h5py", reason="h5py is not installed")
SPEC.loader.exec_module(written)
RANDOM = np.random.default_rng(4)
IMAGE = (8, 8, 3)


def floats(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def _convolutional(k):
    L = k.layers
    return k.Sequential(
        [
            k.Input(IMAGE),
            L.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
            L.BatchNormalization(),
            L.SeparableConv2D(4, 3, activation="hard_sigmoid"),
            L.LeakyReLU(alpha=0.1),
            L.ThresholdedReLU(theta=0.05),
            L.Conv2DTranspose(3, 2, strides=2),
            L.AveragePooling2D(2),
            L.Flatten(),
            L.Dense(4, activation="softmax"),
        ]
    )


def _operations(k):
    x = k.Input(IMAGE)
    a = k.layers.Conv2D(3, 1, activation="swish")(x)
    return k.Model(x, (1.0 - a) * 0.5 + x / 2.0 - k.layers.ReLU(6.0)(a))


def _nested(k):
    L = k.layers
    inner = k.Sequential([k.Input(IMAGE), L.Conv2D(4, 3), L.BatchNormalization(), L.Conv2D(4, 1)], name="inner")
    inner.layers[2].trainable = False
    x = k.Input(IMAGE)
    value = L.Add()([inner(x), inner(x)])
    return k.Model(x, L.TimeDistributed(L.Dense(2))(value))


def _twice(k):
    inner = k.Sequential([k.Input(IMAGE), k.layers.Conv2D(3, 3, padding="same", activation="relu")], name="inner")
    x = k.Input(IMAGE)
    return k.Model(x, k.layers.Concatenate()([inner(x), inner(inner(x))]))


@pytest.mark.parametrize("build", [_convolutional, _operations, _nested, _twice], ids=lambda b: b.__name__.strip("_"))
def test_keras_2(tf_keras, drawn, compare, tmp_path, build):
    model = drawn(build(tf_keras))
    compare(model, expected=model.predict_on_batch)
    for ending in ("h5", "keras"):
        model.save(tmp_path / f"m.{ending}")
        compare(tmp_path / f"m.{ending}", expected=model.predict_on_batch)
        compare(tmp_path / f"m.{ending}")
    model.save_weights(tmp_path / "a.h5")
    (tmp_path / "a.json").write_text(model.to_json())
    compare((tmp_path / "a.h5", tmp_path / "a.json"), expected=model.predict_on_batch)


def test_hard_sigmoid_is_that_of_the_release(tmp_path):
    for version, alpha in (("2.2.4", 0.2), ("3.1.0", 1 / 6)):
        path = written.write_legacy(tmp_path / "m.h5", [("Activation", {"activation": "hard_sigmoid"}, {})], version)
        graph = KerasParser().parse(KerasParser().load(path))
        assert isinstance(graph["l0"].op, HardSigmoid)
        assert graph["l0"].op.alpha == pytest.approx(alpha)


KERAS_1 = {"nb_filter": 4, "nb_row": 3, "nb_col": 3, "border_mode": "same", "subsample": [2, 2], "activation": "relu"}


@pytest.mark.parametrize("backend", ["theano", "tensorflow"])
@pytest.mark.parametrize("ordering", ["th", "tf"])
def test_keras_1(tmp_path, ordering, backend):
    """Theano turned kernels by half and kept (out, in, height, width)."""
    kernel, bias = floats(3, 3, 2, 4), floats(4)
    stored = kernel[::-1, ::-1] if backend == "theano" else kernel
    stored = stored.transpose(3, 2, 0, 1) if ordering == "th" else stored
    shape = (None, 2, 6, 6) if ordering == "th" else (None, 6, 6, 2)
    layers = [("Convolution2D", {**KERAS_1, "dim_ordering": ordering}, {"l0_W": stored, "l0_b": bias})]
    path = written.write_legacy(tmp_path / "m.h5", layers, "1.2.2", backend, shape)
    graph = KerasParser().parse(KerasParser().load(path))
    found = next(node.op for node in graph if isinstance(node.op, Conv2D))
    np.testing.assert_array_equal(found.weight, kernel)
    assert graph.input_shape == shape[1:]
    assert found.strides == (2, 2)


def test_keras_1_dense_and_dropout(tmp_path):
    weight, bias = floats(6, 3), floats(3)
    dense = {"output_dim": 3, "activation": "linear", "bias": True, "input_dim": 6}
    layers = [("Dropout", {"p": 0.2}, {}), ("Dense", dense, {"l1_W": weight, "l1_b": bias})]
    graph = KerasParser().parse(KerasParser().load(written.write_legacy(tmp_path / "m.h5", layers, "1.1.0")))
    assert graph["l0"].op.rate == 0.2
    x = floats(4, 6)
    np.testing.assert_allclose(evaluate(graph, x), x @ weight + bias, rtol=1e-5, atol=1e-6)


def test_pruning_wrapper_keeps_the_plain_weights(tmp_path):
    weight, bias, mask = floats(6, 3), floats(3), np.zeros((6, 3))
    inner = {"class_name": "Dense", "config": {"name": "dense", "units": 3, "activation": "relu"}}
    names = ("kernel:0", "bias:0", "mask:0", "threshold:0", "pruning_step:0")
    arrays = dict(zip((f"prune/{name}" for name in names), (weight, bias, mask, 0.0, 7.0), strict=True))
    path = written.write_legacy(tmp_path / "m.h5", [("PruneLowMagnitude", {"layer": inner}, arrays)], "2.4.0")
    graph = KerasParser().parse(KerasParser().load(path))
    x = floats(4, 6)
    np.testing.assert_allclose(evaluate(graph, x), np.maximum(x @ weight + bias, 0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("biased", [True, False])
def test_sparse_layers_of_snn_toolbox(tmp_path, named, biased):
    weight, bias, mask = floats(6, 3), floats(3), np.arange(18).reshape(6, 3) % 2
    names = ("s/kernel:0", "s/bias:0", "s/mask:0") if named else ("a", "b", "c")
    arrays = dict(zip(names, (weight, bias, mask), strict=True))
    if not biased:
        del arrays[names[1]]
    layer = ("Sparse", {"units": 3, "activation": "relu", "use_bias": biased}, arrays)
    graph = KerasParser().parse(KerasParser().load(written.write_legacy(tmp_path / "m.h5", [layer])))
    x = floats(4, 6)
    expected = np.maximum(x @ (weight * mask) + (bias if biased else 0), 0)
    np.testing.assert_allclose(evaluate(graph, x), expected, rtol=1e-5, atol=1e-6)


def test_sparse_convolutions_of_snn_toolbox(tmp_path):
    kernel, depthwise = floats(3, 3, 2, 4), floats(3, 3, 4, 1)
    masks = np.zeros_like(kernel), (np.arange(36).reshape(3, 3, 4, 1) % 3 > 0)
    layers = [
        ("SparseConv2D", {"filters": 4, "kernel_size": [3, 3]}, {"k": kernel, "b": floats(4), "m": masks[0]}),
        ("SparseDepthwiseConv2D", {"kernel_size": [3, 3]}, {"k": depthwise, "b": floats(4), "m": masks[1]}),
    ]
    graph = KerasParser().parse(
        KerasParser().load(written.write_legacy(tmp_path / "m.h5", layers, shape=(None, 7, 7, 2)))
    )
    assert not graph["l0"].op.weight.any()
    np.testing.assert_array_equal(graph["l1"].op.weight, depthwise * masks[1])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu_Q2.3", QuantizedRelu(0.125, 31)),
        ("relu_Q0.4", QuantizedRelu(0.0625, 15)),
        ("clamped_relu_0.5_2", ThresholdRelu(0.5, 2.0)),
        ("binary_sigmoid", BinarySigmoid()),
        ("binary_tanh", BinaryTanh()),
        ("NoisySoftplus", Softplus(0.17)),
        ("NoisySoftplus_0.2_0.5", Softplus(0.1)),
    ],
)
def test_activations_of_snn_toolbox(tmp_path, name, expected):
    path = written.write_legacy(tmp_path / "m.h5", [("Activation", {"activation": name}, {})])
    found = KerasParser().parse(KerasParser().load(path))["l0"].op
    assert type(found) is type(expected)
    for key, value in vars(expected).items():
        got = vars(found)[key]
        assert got == value if isinstance(value, str) else float(got) == pytest.approx(float(value))
