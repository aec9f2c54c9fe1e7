"""Small networks of Keras 3, one for each layer and option: from memory and from both kinds of file."""

import numpy as np
import pytest

IMAGE, SERIES, VECTOR = (8, 9, 3), (12, 3), (7,)


def chain(shape, *layers):
    """A network of layers one after the other, given as (class, options)."""

    def build(keras):
        made = [getattr(keras.layers, kind)(*options.pop("args", ()), **options) for kind, options in _copies(layers)]
        return keras.Sequential([keras.Input(shape), *made])

    return build


def _copies(layers):
    return [(kind, dict(options)) for kind, options in layers]


def conv(filters=4, size=3, **options):
    return ("Conv2D", {"args": (filters, size), **options})


def dense(units=5, **options):
    return ("Dense", {"args": (units,), **options})


CHAINS = {
    "dense-no-bias": (VECTOR, dense(use_bias=False), dense(3, activation="softmax")),
    "dense-on-images": (IMAGE, dense(activation="relu")),
    "conv1d-same-strides": (
        SERIES,
        ("Conv1D", {"args": (4, 5), "padding": "same", "strides": 2, "activation": "relu"}),
    ),
    "conv1d-causal-dilated": (SERIES, ("Conv1D", {"args": (4, 3), "padding": "causal", "dilation_rate": 2})),
    "conv1d-groups": ((12, 4), ("Conv1D", {"args": (6, 3), "groups": 2})),
    "conv2d-same-strides": (IMAGE, conv(padding="same", strides=2, activation="tanh")),
    "conv2d-even-kernel": (IMAGE, conv(size=(2, 4), padding="same", strides=(1, 2))),
    "conv2d-dilated": (IMAGE, conv(dilation_rate=(2, 1), padding="same")),
    "conv2d-groups": ((8, 8, 4), conv(6, groups=2, use_bias=False)),
    "separable1d": (SERIES, ("SeparableConv1D", {"args": (5, 3), "depth_multiplier": 2, "padding": "same"})),
    "separable2d": (IMAGE, ("SeparableConv2D", {"args": (5, 3), "depth_multiplier": 2, "activation": "relu"})),
    "separable2d-strides": (IMAGE, ("SeparableConv2D", {"args": (5, 3), "strides": 2, "use_bias": False})),
    "depthwise1d": (SERIES, ("DepthwiseConv1D", {"args": (3,), "depth_multiplier": 2, "strides": 2})),
    "depthwise2d": (IMAGE, ("DepthwiseConv2D", {"args": (3,), "depth_multiplier": 2, "padding": "same"})),
    "depthwise2d-strides": (IMAGE, ("DepthwiseConv2D", {"args": (3,), "strides": 2, "use_bias": False})),
    "transpose-valid": (IMAGE, ("Conv2DTranspose", {"args": (4, 3), "strides": 2})),
    "transpose-same": (IMAGE, ("Conv2DTranspose", {"args": (4, 3), "strides": 2, "padding": "same"})),
    "transpose-wide-strides": (IMAGE, ("Conv2DTranspose", {"args": (4, 2), "strides": 3})),
    "transpose-wide-strides-same": (IMAGE, ("Conv2DTranspose", {"args": (4, 2), "strides": 3, "padding": "same"})),
    "transpose-even-kernel": (IMAGE, ("Conv2DTranspose", {"args": (4, 4), "strides": (2, 1), "padding": "same"})),
    "transpose-output-padding": (IMAGE, ("Conv2DTranspose", {"args": (4, 3), "strides": 2, "output_padding": 1})),
    "transpose-output-padding-same": (
        IMAGE,
        ("Conv2DTranspose", {"args": (4, 3), "strides": 2, "padding": "same", "output_padding": 1}),
    ),
    "transpose-output-padding-zero": (
        IMAGE,
        ("Conv2DTranspose", {"args": (4, 3), "strides": 2, "padding": "same", "output_padding": 0}),
    ),
    "transpose-output-padding-even": (
        IMAGE,
        ("Conv2DTranspose", {"args": (4, 4), "strides": 3, "padding": "same", "output_padding": 2}),
    ),
    "upsampling1d": (SERIES, ("UpSampling1D", {"size": 3}), ("Conv1D", {"args": (2, 3)})),
    "upsampling2d": (IMAGE, ("UpSampling2D", {"size": (2, 3)}), conv()),
    "zero-padding": (IMAGE, ("ZeroPadding2D", {"padding": ((1, 2), (0, 3))}), conv()),
    "zero-padding1d": (SERIES, ("ZeroPadding1D", {"padding": (2, 1)}), ("Conv1D", {"args": (2, 3)})),
    "cropping": (IMAGE, ("Cropping2D", {"cropping": ((1, 2), (0, 3))}), conv(2)),
    "cropping1d": (SERIES, ("Cropping1D", {"cropping": (2, 1)}), ("Conv1D", {"args": (2, 3)})),
    "max-pooling1d": (SERIES, ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"})),
    "average-pooling1d": (SERIES, ("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"})),
    "max-pooling2d": (IMAGE, ("MaxPooling2D", {"pool_size": (2, 3), "strides": 2})),
    "max-pooling2d-same": (IMAGE, ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"})),
    "average-pooling2d": (IMAGE, ("AveragePooling2D", {"pool_size": 3, "strides": 1, "padding": "same"})),
    "global-max1d": (SERIES, ("GlobalMaxPooling1D", {})),
    "global-average1d-keep": (SERIES, ("GlobalAveragePooling1D", {"keepdims": True})),
    "global-max2d-keep": (IMAGE, ("GlobalMaxPooling2D", {"keepdims": True}), ("Flatten", {})),
    "global-average2d": (IMAGE, ("GlobalAveragePooling2D", {}), dense()),
    "batchnorm": (IMAGE, conv(), ("BatchNormalization", {"epsilon": 1e-2}), ("ReLU", {})),
    "batchnorm-no-scale": (VECTOR, ("BatchNormalization", {"scale": False}), dense()),
    "batchnorm-no-center": (VECTOR, ("BatchNormalization", {"center": False}), dense()),
    "batchnorm-neither": (VECTOR, ("BatchNormalization", {"center": False, "scale": False})),
    "batchnorm-first-axis": (IMAGE, ("BatchNormalization", {"axis": 1}), conv()),
    "flatten-reshape-permute": (
        IMAGE,
        ("Permute", {"args": ((3, 1, 2),)}),
        ("Flatten", {}),
        ("Reshape", {"args": ((-1, 6),)}),
        dense(),
    ),
    "repeat-vector": (VECTOR, ("RepeatVector", {"args": (4,)}), dense()),
    "dropouts": (
        IMAGE,
        ("Dropout", {"args": (0.3,)}),
        ("SpatialDropout2D", {"args": (0.3,)}),
        ("GaussianDropout", {"args": (0.3,)}),
        ("GaussianNoise", {"args": (0.3,)}),
        ("AlphaDropout", {"args": (0.3,)}),
        ("ActivityRegularization", {"l1": 0.1}),
        ("Identity", {}),
        conv(),
    ),
    "rescaling": (IMAGE, ("Rescaling", {"args": (1 / 127.5,), "offset": -1.0}), conv()),
    "rescaling-per-channel": (IMAGE, ("Rescaling", {"scale": [0.5, 2.0, 1.0], "offset": [0.0, 1.0, 2.0]}), conv()),
    "normalization-given": (IMAGE, ("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 1.0, 0.25]}), conv()),
    "normalization-inverted": (VECTOR, ("Normalization", {"mean": 1.0, "variance": 4.0, "invert": True}), dense()),
    "relu-max": (VECTOR, ("ReLU", {"max_value": 1.0})),
    "relu-slope": (VECTOR, ("ReLU", {"negative_slope": 0.1})),
    "relu-slope-max": (VECTOR, ("ReLU", {"negative_slope": 0.1, "max_value": 0.5})),
    "relu-threshold": (VECTOR, ("ReLU", {"threshold": 0.5, "max_value": 1.0})),
    "leaky-relu": (VECTOR, ("LeakyReLU", {"negative_slope": 0.2})),
    "prelu": (IMAGE, ("PReLU", {})),
    "prelu-shared": (IMAGE, ("PReLU", {"shared_axes": [1, 2]})),
    "elu": (VECTOR, ("ELU", {"alpha": 0.7})),
    "softmax": (IMAGE, ("Softmax", {})),
    "softmax-axis": (IMAGE, ("Softmax", {"axis": 1})),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chain(keras, drawn, compare, tmp_path, name):
    shape, *layers = CHAINS[name]
    model = drawn(chain(shape, *layers)(keras))
    compare(model, expected=model.predict_on_batch)
    for ending in ("keras", "h5"):
        model.save(tmp_path / f"m.{ending}")
        compare(tmp_path / f"m.{ending}", expected=model.predict_on_batch)


def test_normalization_measured_on_data(keras, compare, tmp_path):
    layer = keras.layers.Normalization(axis=(1, -1))
    layer.adapt(np.random.default_rng(0).normal(2.0, 3.0, (50, *IMAGE)).astype(np.float32))
    model = keras.Sequential([keras.Input(IMAGE), layer, keras.layers.Conv2D(2, 3)])
    compare(model)
    model.save(tmp_path / "m.keras")
    compare(tmp_path / "m.keras", expected=model.predict_on_batch)


FUNCTIONS = [
    "linear",
    "relu",
    "relu6",
    "elu",
    "selu",
    "sigmoid",
    "hard_sigmoid",
    "tanh",
    "softmax",
    "log_softmax",
    "softplus",
    "softsign",
    "swish",
    "silu",
    "hard_silu",
    "hard_swish",
    "gelu",
    "leaky_relu",
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_activation_by_name(keras, drawn, compare, function):
    layers = keras.layers
    model = keras.Sequential([keras.Input(VECTOR), layers.Dense(5, activation=function), layers.Activation(function)])
    graph = compare(drawn(model), tolerance=2e-5)
    names = [node.name for node in graph]
    assert (model.layers[0].name + "_activation" in names) == (function != "linear")


def branches(keras):
    x = keras.Input(IMAGE)
    conv = keras.layers.Conv2D(3, 3, padding="same", activation="relu")
    shared = conv(x)
    again = conv(shared)
    return x, shared, again


def _add(k):
    x, a, b = branches(k)
    return k.Model(x, k.layers.Add()([a, b, x]))


def _subtract(k):
    x, a, b = branches(k)
    return k.Model(x, k.layers.Subtract()([a, b]))


def _multiply(k):
    x, a, b = branches(k)
    return k.Model(x, k.layers.Multiply()([a, b, x]))


def _gate(k):
    x, a, _ = branches(k)
    gate = k.layers.Dense(3, activation="sigmoid")(k.layers.GlobalAveragePooling2D(keepdims=True)(a))
    return k.Model(x, k.layers.Multiply()([a, gate]))


def _average(k):
    x, a, b = branches(k)
    return k.Model(x, k.layers.Average()([a, b, x]))


def _maximum(k):
    x, a, b = branches(k)
    return k.Model(x, k.layers.Maximum()([a, b, x]))


def _minimum(k):
    x, a, b = branches(k)
    return k.Model(x, k.layers.Minimum()([a, b, x]))


def _concatenate(k):
    x, a, b = branches(k)
    return k.Model(x, k.layers.Concatenate()([a, b]))


def _concatenate_axis(k):
    x, a, b = branches(k)
    return k.Model(x, k.layers.Concatenate(axis=1)([a, b, a]))


def _constants(k):
    x, a, b = branches(k)
    return k.Model(x, (2.0 - a * 0.5) / 4.0 + 1.0 - b + k.ops.relu(-a))


def _array_constant(k):
    x, a, _ = branches(k)
    return k.Model(x, a * np.array([1.0, 2.0, 3.0], np.float32))


def _operations(k):
    x, a, b = branches(k)
    return k.Model(x, k.ops.maximum(k.ops.tanh(a), k.ops.sigmoid(b)) + k.ops.gelu(x))


def _nested(k):
    inner = k.Sequential([k.Input(IMAGE), k.layers.Conv2D(4, 3), k.layers.BatchNormalization()], name="inner")
    x = k.Input((6, 7, 4))
    middle = k.Model(x, k.layers.Add()([x, k.layers.Conv2D(4, 1, name="same_name")(x)]), name="middle")
    y = k.Input(IMAGE)
    value = k.layers.Conv2D(4, 1, name="same_name")(middle(inner(y)))
    return k.Model(y, k.layers.Dense(3)(k.layers.Flatten()(value)))


def _nested_in_sequential(k):
    inner = k.Sequential([k.Input(IMAGE), k.layers.Conv2D(4, 3, activation="relu"), k.layers.Flatten()])
    return k.Sequential([k.Input(IMAGE), inner, k.layers.Dense(3, activation="softmax")])


def _shared_model(k):
    inner = k.Sequential([k.Input(IMAGE), k.layers.Conv2D(3, 3, padding="same", activation="relu")])
    x = k.Input(IMAGE)
    return k.Model(x, k.layers.Concatenate()([inner(x), inner(inner(x))]))


def _frozen(k):
    inner = k.Sequential([k.Input(IMAGE), k.layers.Conv2D(4, 3), k.layers.BatchNormalization(), k.layers.Conv2D(2, 3)])
    inner.layers[0].trainable = False
    x = k.Input(IMAGE)
    return k.Model(x, k.layers.ReLU()(inner(x)))


def _time_distributed(k):
    x = k.Input(SERIES)
    return k.Model(x, k.layers.TimeDistributed(k.layers.Dense(4, activation="relu"))(x))


def _activation_layers(k):
    x = k.Input(VECTOR)
    value = k.layers.Dense(5, activation=k.layers.LeakyReLU(negative_slope=0.1))(x)
    return k.Model(x, k.layers.Dense(4, activation=k.layers.ReLU(max_value=1.0))(value))


def _two_outputs(k):
    x, a, b = branches(k)
    return k.Model(x, [k.layers.Flatten()(a), k.layers.Flatten()(b)])


def _named_outputs(k):
    x, a, b = branches(k)
    return k.Model({"x": x}, {"y": a, "z": b})


def _global_then_reshape(k):
    x, a, _ = branches(k)
    gate = k.layers.Reshape((1, 1, 3))(k.layers.GlobalAveragePooling2D()(a))
    return k.Model(x, k.layers.Multiply()([k.layers.Conv2D(3, 1, activation="sigmoid")(gate), a]))


GRAPHS = [
    _add, _subtract, _multiply, _gate, _average, _maximum, _minimum, _concatenate, _concatenate_axis, _constants,
    _array_constant, _operations, _nested, _nested_in_sequential, _shared_model, _frozen, _time_distributed,
    _activation_layers, _two_outputs, _named_outputs, _global_then_reshape,
]  # fmt: skip


@pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__.strip("_"))
def test_graph(keras, drawn, compare, tmp_path, build):
    model = drawn(build(keras))

    def truth(batch):
        found = model.predict_on_batch(batch)
        return found["y"] if isinstance(found, dict) else found[0] if isinstance(found, list) else found

    compare(model, expected=truth)
    for ending in ("keras", "h5"):
        model.save(tmp_path / f"m.{ending}")
        compare(tmp_path / f"m.{ending}", expected=truth)
    model.save_weights(tmp_path / "a.weights.h5")
    (tmp_path / "a.json").write_text(model.to_json())
    compare(tmp_path / "a.json", expected=truth)
