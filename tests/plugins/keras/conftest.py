"""Keras, imported once, and networks with drawn weights."""

import os

import numpy as np
import pytest

from snntk_core import Graph, evaluate
from snntk_keras import KerasParser

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def keras():
    """Keras 3 on TensorFlow."""
    pytest.importorskip("tensorflow", reason="tensorflow is not installed")
    return pytest.importorskip("keras", reason="keras is not installed")


@pytest.fixture(scope="session")
def tf_keras():
    """Keras 2."""
    pytest.importorskip("tensorflow", reason="tensorflow is not installed")
    return pytest.importorskip("tf_keras", reason="tf_keras is not installed")


@pytest.fixture
def drawn():
    """Draw a model's weights with a fixed seed; variances and scales stay positive."""

    def draw(model, seed=0):
        random = np.random.default_rng(seed)
        for weight in model.weights:
            name, shape = weight.name.rpartition("/")[2], tuple(weight.shape)
            if "int" in str(weight.dtype):
                continue
            if any(part in name for part in ("variance", "gamma")):
                weight.assign(random.uniform(0.5, 1.5, shape))
            else:
                fan = max(np.prod(shape[:-1], dtype=int), 1) if len(shape) > 1 else 4
                weight.assign(random.normal(size=shape) / np.sqrt(fan))
        return model

    return draw


@pytest.fixture
def compare():
    """Check that a source's graph computes what the library does, and return the graph."""

    def check(source, *, expected=None, tolerance=1e-5, parser=None, batch=None) -> Graph:
        parser = parser or KerasParser()
        model = parser.load(source)
        graph = parser.parse(model)
        if batch is None:
            batch = np.random.default_rng(3).normal(size=(3, *graph.input_shape)).astype(np.float32)
        truth = parser.predict(model, batch) if expected is None else expected(batch)
        found = evaluate(graph, batch)
        assert found.shape == truth.shape
        assert np.abs(found - truth).max() <= tolerance * max(np.abs(truth).max(), 1e-3)
        return graph

    return check
