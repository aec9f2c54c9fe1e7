"""Networks with channels first: the same graph as with channels last, in the model's own layout."""

import numpy as np
import pytest

from snntk_core.ops import Transpose

FIRST = {"data_format": "channels_first"}
CHAINS = {
    "classifier": lambda L: [
        L.Conv2D(4, 3, padding="same", strides=2, activation="relu", **FIRST),
        L.BatchNormalization(axis=1),
        L.MaxPooling2D(2, **FIRST),
        L.Flatten(**FIRST),
        L.Dense(5, activation="softmax"),
    ],
    "flattened-as-it-is": lambda L: [L.Conv2D(4, 3, **FIRST), L.Flatten(), L.Dense(5)],
    "depthwise": lambda L: [
        L.ZeroPadding2D(1, **FIRST),
        L.DepthwiseConv2D(3, depth_multiplier=2, **FIRST),
        L.SeparableConv2D(4, 3, **FIRST),
        L.Cropping2D(1, **FIRST),
        L.GlobalAveragePooling2D(**FIRST),
    ],
    "transposed": lambda L: [
        L.Conv2DTranspose(4, 3, strides=2, **FIRST),
        L.UpSampling2D(2, **FIRST),
        L.AveragePooling2D(3, strides=2, padding="same", **FIRST),
        L.GlobalMaxPooling2D(keepdims=True, **FIRST),
        L.PReLU(),
    ],
    "prelu-softmax": lambda L: [L.Conv2D(4, 3, **FIRST), L.PReLU(shared_axes=[2, 3]), L.Softmax(axis=1)],
}


@pytest.mark.parametrize("name", CHAINS)
def test_channels_first(keras, drawn, compare, name):
    model = drawn(keras.Sequential([keras.Input((3, 8, 10)), *CHAINS[name](keras.layers)]))
    try:
        model.predict_on_batch(np.zeros((1, 3, 8, 10), np.float32))
    except Exception as error:
        pytest.skip(f"TensorFlow on this machine does not compute channels first: {type(error).__name__}")
    graph = compare(model)
    assert graph.input_shape == (3, 8, 10)
    if name == "classifier":
        assert not [node for node in graph if isinstance(node.op, Transpose)]


def test_channels_first_series(keras, drawn, compare):
    L = keras.layers
    stack = [L.MaxPooling1D(2, **FIRST), L.GlobalAveragePooling1D(**FIRST), L.Dense(3)]
    model = drawn(keras.Sequential([keras.Input((3, 12)), *stack]))
    compare(model)


def test_joined_branches(keras, drawn, compare):
    L = keras.layers
    x = keras.Input((3, 8, 8))
    left = L.Conv2D(4, 3, padding="same", activation="relu", **FIRST)(x)
    right = L.Conv2D(2, 1, **FIRST)(x)
    joined = L.Concatenate(axis=1)([left, right])
    model = drawn(keras.Model(x, L.Dense(3)(L.Flatten(**FIRST)(joined))))
    graph = compare(model)
    assert not [node for node in graph if isinstance(node.op, Transpose)]
