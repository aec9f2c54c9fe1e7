"""quantize_keras: what cnn2snn gives for the same weights, functional models, folding, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import snntk
from snntk import qat
from snntk_core.errors import OptionError, SnntkError

CASES = [(4, 4, 8), (2, 2, None), (8, 4, 8), (4, 0, None), (0, 4, None)]
AS_CNN2SNN = {"largest_scale": 1000.0, "normalize_separable": False}


@pytest.fixture
def outputs(recorded):
    return np.load(recorded / "modelA.npz")


@pytest.fixture
def model(keras, outputs):
    layers = keras.layers
    found = keras.Sequential([
        keras.Input((14, 14, 1)),
        layers.Conv2D(8, 3, padding="same", use_bias=False, name="c1"),
        layers.BatchNormalization(name="b1"),
        layers.MaxPooling2D(padding="same", name="p1"),
        layers.ReLU(6.0, name="r1"),
        layers.SeparableConv2D(12, 3, padding="same", use_bias=False, name="s2"),
        layers.MaxPooling2D(padding="same", name="p2"),
        layers.BatchNormalization(name="b2"),
        layers.ReLU(6.0, name="r2"),
        layers.Dropout(0.3, name="dr"),
        layers.Flatten(name="fl"),
        layers.Dense(16, name="d3"),
        layers.ReLU(6.0, name="r3"),
        layers.Dense(10, name="d4"),
        layers.Softmax(name="sm"),
    ])  # fmt: skip
    for layer in found.layers:
        own = [outputs[key] for key in outputs.files if key.startswith("float/") and f"_{layer.name}/" in key]
        if own:
            layer.set_weights(own)
    return found


@pytest.mark.parametrize(("weights", "activations", "first"), CASES)
def test_cnn2snn_gives_the_same_network(model, outputs, weights, activations, first) -> None:
    bits = {"weight_bits": weights, "activation_bits": activations, "input_weight_bits": first}
    found = qat.quantize_keras(model, **bits, **AS_CNN2SNN)
    expected = outputs[f"q_w{weights}_a{activations}_i{first}/y"]
    np.testing.assert_allclose(found.predict(outputs["x"], verbose=0), expected, atol=1e-6)


def test_normalization_that_stays(model, outputs) -> None:
    bits = {"weight_bits": 4, "activation_bits": 4, "input_weight_bits": 8}
    found = qat.quantize_keras(model, **bits, **AS_CNN2SNN, fold_batchnorm=False)
    np.testing.assert_allclose(found.predict(outputs["x"], verbose=0), outputs["q_nofold/y"], atol=1e-6)


def test_a_quantizer_for_each_layer(model, outputs) -> None:
    def own(layer, bits):
        return None if layer.name == "s2" else qat.StdPerAxisQuantizer(bitwidth=bits)

    bits = {"weight_bits": 4, "activation_bits": 4, "input_weight_bits": 8}
    found = qat.quantize_keras(model, **bits, **AS_CNN2SNN, quantizer_function=own)
    np.testing.assert_allclose(found.predict(outputs["x"], verbose=0), outputs["q_std_fn/y"], atol=1e-6)


def test_a_quantized_model_gets_other_bits(model, outputs) -> None:
    first = qat.quantize_keras(model, weight_bits=8, activation_bits=8, **AS_CNN2SNN)
    again = qat.quantize_keras(first, weight_bits=2, activation_bits=2)
    np.testing.assert_allclose(again.predict(outputs["x"], verbose=0), outputs["q_w2_a2_iNone/y"], atol=1e-6)
    with pytest.raises(OptionError, match=r"c1: a quantized layer stays quantized.*r1: a quantized activation"):
        qat.quantize_keras(first)


def residual(keras):
    """Return a functional model: a fork, an addition, batch normalization in three places, fused activations."""
    layers, rng = keras.layers, np.random.default_rng(5)
    entry = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="stem")(entry)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depth")(x)
    y = layers.BatchNormalization(name="norm_depth")(y)
    y = layers.ReLU(name="relu_depth")(y)
    y = layers.Conv2D(6, 1, use_bias=False, name="point")(y)
    y = layers.BatchNormalization(name="norm_point", scale=False)(y)
    z = layers.Activation("relu6", name="sum")(layers.Add(name="add")([x, y]))
    z = layers.SeparableConv2D(5, 3, name="separable")(z)
    z = layers.GlobalAveragePooling2D(name="mean")(z)
    z = layers.BatchNormalization(name="norm_mean", center=False)(z)
    model = keras.Model(entry, layers.Dense(4, activation="softmax", name="last")(z))
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.3, 1, w.shape) * rng.choice([-1, 1], w.shape) if w.ndim > 1
                           else rng.uniform(0.3, 1, w.shape) for w in layer.get_weights()])  # fmt: skip
    return model


def test_a_functional_model_computes_what_its_graph_does(keras, tmp_path) -> None:
    model, x = residual(keras), np.random.default_rng(6).normal(size=(16, 8, 8, 3)).astype(np.float32)
    floating = qat.quantize_keras(model)
    assert not any(type(layer).__name__ == "BatchNormalization" for layer in floating.layers)
    np.testing.assert_allclose(floating.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
    found = snntk.quantize_keras(model, weight_bits=8, activation_bits=8, calibration=x)
    kinds = [type(layer).__name__ for layer in found.layers]
    assert kinds.count("QuantizedReLU") == 3
    assert kinds.count("Activation") == 1  # the softmax that the last layer carried
    assert {"QuantizedDepthwiseConv2D", "QuantizedSeparableConv2D"} <= set(kinds)
    found.save(tmp_path / "model.keras")
    graph = snntk.parse(tmp_path / "model.keras")
    np.testing.assert_allclose(snntk.evaluate(graph, x), found.predict(x, verbose=0), atol=1e-5)
    same = snntk.quantize(snntk.parse(model), activation_bits=8, calibration=x)
    expected = [float(node.op.step * node.op.levels) for node in same if "output" in node.formats]
    ranges = [layer.max_value for layer in found.layers if type(layer).__name__ == "QuantizedReLU"]
    np.testing.assert_allclose(sorted(ranges), sorted(expected), rtol=1e-6)


def test_the_model_that_was_given_stays(keras) -> None:
    model = residual(keras)
    before = [array.copy() for array in model.get_weights()]
    qat.quantize_keras(model, weight_bits=4, activation_bits=4)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_training_moves_weights_and_the_grid_follows(keras) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), qat.QuantizedDense(4, qat.MaxPerAxisQuantizer(3))])
    x, y = np.random.default_rng(0).normal(size=(64, 6)), np.random.default_rng(1).normal(size=(64, 4))
    before = model.layers[0].get_weights()[0]
    model.compile(keras.optimizers.SGD(0.3), "mse")
    model.fit(x, y, epochs=2, verbose=0)
    after = model.layers[0].get_weights()[0]
    assert (np.abs(after).max(axis=0) != np.abs(before).max(axis=0)).all()
    graph = snntk.parse(model)
    dense = graph[model.layers[0].name]
    np.testing.assert_allclose(dense.formats["weight"].scale * 3, np.abs(after).max(axis=0), rtol=1e-6)
    np.testing.assert_allclose(snntk.evaluate(graph, x), model.predict(x, verbose=0), atol=1e-5)


def refused(keras):
    """Return a model that nothing can be done with, for four reasons."""
    layers = keras.layers
    entry = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, dilation_rate=2, name="dilated")(entry)
    x = layers.BatchNormalization(name="after_relu")(layers.ReLU(name="relu")(x))
    x = layers.Conv2DTranspose(2, 3, name="transposed")(x)
    inner = keras.Sequential([keras.Input((6, 6, 2)), layers.Flatten()], name="inner")
    return keras.Model(entry, layers.Dense(2)(inner(x)))


def test_everything_in_the_way_is_named_at_once(keras) -> None:
    with pytest.raises(OptionError) as caught:
        qat.quantize_keras(refused(keras), weight_bits=4)
    for words in ("dilated: a quantized Conv2D takes no dilation_rate", "'after_relu': it stands behind 'relu', a ReLU",
                  "transposed: there is no quantized Conv2DTranspose", "inner: a model inside a model"):  # fmt: skip
        assert words in str(caught.value)


def test_negative_scales_do_not_pass_a_maximum(keras) -> None:
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((4, 4, 1)),
        layers.Conv2D(2, 1),
        layers.MaxPooling2D(name="pool"),
        layers.BatchNormalization(name="norm"),
    ])  # fmt: skip
    model.layers[-1].set_weights([np.array([1.0, -1.0]), np.zeros(2), np.zeros(2), np.ones(2)])
    with pytest.raises(OptionError, match=r"'norm': some of its scales are negative, and 'pool' before it"):
        qat.quantize_keras(model, weight_bits=4)


@pytest.mark.parametrize("bits", [-1, True, 1.5, 1])
def test_bits_that_cannot_be(keras, bits) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(OptionError, match=r"[Bb]it"):
        qat.quantize_keras(model, weight_bits=bits)


def test_something_else_than_a_model(keras) -> None:
    with pytest.raises(SnntkError, match="A live model of Keras 3"):
        qat.quantize_keras("model.keras", weight_bits=4)
    with pytest.raises(SnntkError, match="Only a built Sequential"):
        qat.quantize_keras(keras.Sequential([keras.layers.Dense(2)]), weight_bits=4)


def test_what_would_be_ignored_is_named(keras, tmp_path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="first"), keras.layers.ReLU(name="relu")])
    with pytest.raises(OptionError, match=r"ranges: there is no layer 'rleu'\. Did you mean 'relu'"):
        qat.quantize_keras(model, activation_bits=4, ranges={"rleu": 2.0})
    with pytest.raises(OptionError, match="quantizer_function is a function of a layer and bits, got a int"):
        qat.quantize_keras(model, weight_bits=4, quantizer_function=3)
    with pytest.raises(OptionError, match="first: quantizer_function gave a str; it gives a KerasWeightQuantizer"):
        qat.quantize_keras(model, weight_bits=4, quantizer_function=lambda layer, bits: "max")
    with pytest.raises(SnntkError, match=r"none\.keras: there is no such file"):
        qat.load_quantized_model(tmp_path / "none.keras")
