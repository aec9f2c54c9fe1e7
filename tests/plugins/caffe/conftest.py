"""Small Caffe models, written as files, compared with a forward pass of Caffe's semantics in numpy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snntk_caffe import CaffeParser
from snntk_core import Graph, evaluate
from snntk_onnx import OnnxParser

sys.path.append(str(Path(__file__).parent))  # the modules beside the tests can be imported by them
TOLERANCE = 1e-5


@pytest.fixture
def parsed(tmp_path) -> Callable[..., Graph]:
    """Write a network and return its graph."""

    def parse(layers, **options) -> Graph:
        from caffe_networks import save

        model = CaffeParser(**options).load(save(tmp_path, layers)).source
        return OnnxParser().parse(OnnxParser().load(model))

    return parse


@pytest.fixture
def compare(tmp_path) -> Callable[..., Graph]:
    """Check that a network's ONNX model and graph compute what Caffe computes; return the graph."""

    def check(layers, *, seed=0, batch=2, spelled=None, cancels=False, **options) -> Graph:
        from caffe_networks import save, semantics

        model = CaffeParser(**options).load(save(tmp_path, spelled or layers)).source
        onnx = OnnxParser()
        loaded = onnx.load(model)
        graph = onnx.parse(loaded)
        x = np.random.default_rng(seed).uniform(-1, 1, (batch, *layers[0]["shape"]))
        truth, largest = semantics(layers, x)
        bound = TOLERANCE * (largest if cancels else np.abs(truth).max())  # where large values cancel, floats are off
        for found in (onnx.predict(loaded, x.astype(np.float32)), evaluate(graph, x)):
            assert found.shape == truth.shape
            assert np.abs(found - truth).max() <= bound
        return graph

    return check
