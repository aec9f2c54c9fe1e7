"""What each layer of Keras became, those of models inside models too."""

import importlib.util
from pathlib import Path

import numpy as np

from snntk_core.provenance import nodes_by_layer
from snntk_keras import KerasParser

SPEC = importlib.util.spec_from_file_location("written", Path(__file__).with_name("written.py"))
written = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(written)
R = np.random.default_rng(0)


def parsed(source):
    return KerasParser().parse(KerasParser().load(source))


def test_layers_of_a_file(tmp_path):
    layers = [
        ("Dense", {"units": 5, "activation": "relu"}, {"kernel": R.normal(size=(6, 5)), "bias": R.normal(size=5)}),
        ("Dropout", {"rate": 0.5}, {}),
        ("Activation", {"activation": "linear"}, {}),
        ("Dense", {"units": 2, "activation": "linear"}, {"kernel": R.normal(size=(5, 2)), "bias": R.normal(size=2)}),
    ]
    graph = parsed(written.write_legacy(tmp_path / "net.h5", layers))
    found = nodes_by_layer(graph)
    assert found["l0"] == ("l0", "l0_activation")
    assert found["l1"] == ("l1",)
    assert found["l2"] == ("l2",)
    assert found["l3"] == ("l3",)
    assert [graph.layers[f"l{i}"] for i in range(4)] == ["Dense", "Dropout", "Activation", "Dense"]


def test_layers_of_models_inside_models(keras):
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu", name="dense")], name="inner")
    graph = parsed(keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2, name="scores")]))
    found = nodes_by_layer(graph)
    assert found["inner/dense"] == ("inner/dense", "inner/dense_activation")
    assert found["scores"] == ("scores",)
