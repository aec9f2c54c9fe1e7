"""Quantized layers of Keras: cnn2snn's activations, weights that are rounded in every pass, files, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import snntk
from snntk import qat
from snntk_core.errors import OptionError, ParseError

LAYERS = {
    "QuantizedDense": ((5, 7), {"units": 4}, "Dense"),
    "QuantizedConv2D": ((2, 6, 6, 3), {"filters": 4, "kernel_size": 3, "padding": "same", "strides": 2}, "Conv2D"),
    "QuantizedDepthwiseConv2D": ((2, 6, 6, 3), {"kernel_size": 3}, "DepthwiseConv2D"),
    "QuantizedSeparableConv2D": ((2, 6, 6, 3), {"filters": 4, "kernel_size": 3, "strides": 2}, "SeparableConv2D"),
}


def test_cnn2snn_gives_the_same_activations(keras, recorded) -> None:
    oracle = np.load(recorded / "activations.npz")
    seen = 0
    for key in oracle.files:
        kind, *rest = key.split("/")
        if rest[-1:] != ["y"]:
            continue
        bits = int(rest[0][1:])
        if kind == "QuantizedReLU":
            layer = qat.QuantizedReLU(bits, 2**bits - 1 if rest[1] == "maxNone" else float(rest[1][3:]))
        else:
            layer = qat.ActivationDiscreteRelu(bits)
        np.testing.assert_array_equal(np.asarray(layer(oracle["grid"])), oracle[key], err_msg=key)
        step, threshold = oracle[key.removesuffix("y") + "step_threshold"]
        np.testing.assert_allclose([layer.step, layer.step / 2], [step, threshold], rtol=1e-6)
        seen += 1
    assert seen == 40


def test_cnn2snn_gives_the_same_gradient_of_an_activation(keras, recorded) -> None:
    import tensorflow

    oracle = np.load(recorded / "activations.npz")
    grid = tensorflow.Variable(oracle["grid"])
    with tensorflow.GradientTape() as tape:
        y = qat.QuantizedReLU(4, 6.0)(grid)
    np.testing.assert_allclose(tape.gradient(y, grid), oracle["QuantizedReLU/b4/max6/grad"], atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_computes_with_the_weights_it_has_now_rounded(keras, name) -> None:
    shape, options, plain = LAYERS[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(np.float32)
    layer, reference = getattr(qat, name)(**options), getattr(keras.layers, plain)(**options)
    layer(x), reference(x)
    for _ in range(2):  # the second weights have other grids
        weights = [rng.normal(size=w.shape).astype(np.float32) for w in layer.weights]
        layer.set_weights(weights)
        on_grid = [np.asarray(layer.quantizer.quantize(w)) if w.ndim > 1 else w for w in weights]
        reference.set_weights(on_grid)
        np.testing.assert_allclose(layer(x), reference(x), atol=1e-5)
        for kept, given in zip(layer.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(kept, given)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("argument", ["activation", "data_format", "dilation_rate", "groups", "depth_multiplier"])
def test_arguments_that_a_quantized_layer_does_not_take(keras, name, argument) -> None:
    _, options, plain = LAYERS[name]
    odd = {"activation": "relu", "data_format": "channels_first"}.get(argument, 2)
    taken = {"Conv2D": 4, "DepthwiseConv2D": 4, "SeparableConv2D": 4, "Dense": 1}[plain]
    known = ("activation", "data_format", "dilation_rate", "groups" if plain == "Conv2D" else "depth_multiplier")
    if argument not in known[:taken]:
        with pytest.raises((TypeError, ValueError, OptionError)):
            getattr(qat, name)(**options, **{argument: odd})
        return
    with pytest.raises(OptionError, match=f"{name} takes no {argument}, got"):
        getattr(qat, name)(**options, **{argument: odd})


@pytest.mark.parametrize("make", [lambda: qat.QuantizedReLU(0), lambda: qat.ActivationDiscreteRelu(-1)])
def test_activations_have_a_bit(keras, make) -> None:
    with pytest.raises(OptionError, match="bitwidth of 1 to 24"):
        make()


@pytest.mark.parametrize("largest", [0.0, -1.0, float("inf"), None])
def test_activations_end_above_zero(keras, largest) -> None:
    with pytest.raises(OptionError, match="max_value above 0"):
        qat.QuantizedReLU(4, largest)


def every_layer(keras):
    """Return a model with all quantized layers and quantizers."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((8, 8, 2)),
        qat.QuantizedConv2D(4, 3, quantizer=qat.MaxQuantizer(3), padding="same"),
        qat.QuantizedReLU(2, 1.5),
        qat.QuantizedDepthwiseConv2D(3, quantizer=qat.StdWeightQuantizer(2.0, 5)),
        qat.ActivationDiscreteRelu(3),
        qat.QuantizedSeparableConv2D(5, 3, qat.StdPerAxisQuantizer(1.5, 4), quantizer_dw=qat.MaxQuantizer(6)),
        qat.QuantizedReLU(4),
        keras.layers.Flatten(),
        qat.QuantizedDense(3, quantizer=qat.MaxPerAxisQuantizer(2, largest_scale=0.0), use_bias=False),
    ])  # fmt: skip
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(0, 0.5, size=w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_comes_back_in_keras_and_as_a_graph(keras, tmp_path, ending) -> None:
    model, x = every_layer(keras), np.random.default_rng(3).normal(size=(20, 8, 8, 2)).astype(np.float32)
    path = tmp_path / f"model{ending}"
    model.save(path)
    expected = model.predict(x, verbose=0)
    np.testing.assert_array_equal(qat.load_quantized_model(path).predict(x, verbose=0), expected)
    graph = snntk.parse(path)
    np.testing.assert_allclose(snntk.evaluate(graph, x), expected, atol=1e-5)
    np.testing.assert_allclose(snntk.evaluate(snntk.parse(model), x), expected, atol=1e-5)
    bits = [node.formats["weight"].bits for node in graph if "weight" in node.formats]
    assert bits == [3, 5, 6, 4, 2]
    assert [node.formats["output"].bits for node in graph if "output" in node.formats] == [2, 3, 4]


def test_a_file_that_is_none_gives_a_sentence(keras, tmp_path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"nothing")
    with pytest.raises(ParseError, match="Keras cannot open it"):
        qat.load_quantized_model(path)
