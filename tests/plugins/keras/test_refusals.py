"""What cannot be converted is refused in one sentence with the layer, the reason and the way out."""

import json

import numpy as np
import pytest

from snntk_core import ParseError
from snntk_keras import KerasParser

pytest.importorskip("h5py", reason="h5py is not installed")


def refusal(source) -> str:
    parser = KerasParser()
    with pytest.raises(ParseError) as caught:
        parser.parse(parser.load(source))
    message = str(caught.value)
    assert message.isprintable()
    assert message.endswith(".")
    return message


LAYERS = {
    "lstm": (lambda L: [L.LSTM(3, name="memory")], (5, 2), ["'memory'", "LSTM", "no counterpart", "custom"]),
    "embedding": (lambda L: [L.Embedding(9, 4, name="words")], (5,), ["'words'", "Embedding"]),
    "conv3d": (lambda L: [L.Conv3D(2, 2, name="space")], (4, 4, 4, 1), ["'space'", "Conv3D"]),
    "bilinear": (
        lambda L: [L.UpSampling2D(2, interpolation="bilinear", name="up")],
        (4, 4, 1),
        ["'up'", "bilinear", "nearest"],
    ),
    "lambda": (lambda L: [L.Lambda(lambda x: x, name="code")], (4,), ["'code'", "Lambda", "never run"]),
    "layernorm": (lambda L: [L.LayerNormalization(name="ln")], (4,), ["'ln'", "LayerNormalization"]),
    "exponential": (lambda L: [L.Activation("exponential", name="e")], (4,), ["'e'", "'exponential'", "custom"]),
    "several": (lambda L: [L.GRU(3, name="a", return_sequences=True), L.GRU(3, name="b")], (5, 2), ["'a', 'b'", "GRU"]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(keras, name):
    build, shape, words = LAYERS[name]
    message = refusal(keras.Sequential([keras.Input(shape), *build(keras.layers)]))
    assert all(word in message for word in words), message


def test_an_open_length_among_several_inputs(keras):
    a, b = keras.Input((3,), name="left"), keras.Input((None, 3), name="right")
    message = refusal(keras.Model([a, b], keras.layers.Concatenate()([a, keras.layers.GlobalMaxPooling1D()(b)])))
    assert "its input 'right'" in message


def test_open_lengths_are_given_as_an_option(keras, drawn, compare):
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3)])
    assert "input_shape" in refusal(drawn(model))
    graph = compare(model, parser=KerasParser(input_shape=(6, 5, 3)))
    assert graph.input_shape == (6, 5, 3)


def test_subclassed(keras):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model(np.zeros((1, 3), np.float32))
    message = refusal(model)
    assert "Own" in message
    assert "Sequential" in message


def test_divided_by_a_computed_value(keras):
    x = keras.Input((3,))
    message = refusal(keras.Model(x, x / keras.layers.Dense(3)(x)))
    assert "divides by a computed value" in message


def test_unlike_shapes_are_not_added(keras):
    x = keras.Input((3, 4))
    message = refusal(keras.Model(x, keras.layers.Add(name="sum")([x, keras.layers.Dense(1)(x)])))
    assert "'sum'" in message


def test_weights_without_architecture(keras, tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "a.weights.h5")
    assert "architecture" in refusal(tmp_path / "a.weights.h5")
    (tmp_path / "b.json").write_text(model.to_json())
    assert "b.h5" in refusal(tmp_path / "b.json")
    (tmp_path / "b.weights.h5").write_bytes((tmp_path / "a.weights.h5").read_bytes())
    parser = KerasParser()
    assert len(parser.parse(parser.load(tmp_path / "b.json"))) == 2


def test_json_of_something_else(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"name": "package"}))
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "to_json" in refusal(tmp_path / "a.json")


def test_a_file_that_is_not_there(tmp_path):
    for name in ("a.keras", "a.h5", "a.json"):
        assert name in refusal(tmp_path / name)
