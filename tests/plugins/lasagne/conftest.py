"""Small Lasagne models: arrays and an architecture written beside each other."""

from collections.abc import Callable

import numpy as np
import pytest

from snntk_core import evaluate
from snntk_lasagne import LasagneModel, LasagneParser


@pytest.fixture
def write(tmp_path) -> Callable[..., tuple]:
    """Write a script or a specification with arrays and return the two paths."""

    def written(text, arrays, suffix=".py"):
        (tmp_path / f"net{suffix}").write_text(text)
        np.savez(tmp_path / "model.npz", *arrays)
        return tmp_path / f"net{suffix}", tmp_path / "model.npz"

    return written


@pytest.fixture
def compare(write) -> Callable[..., object]:
    """Check that the graph of ``return <expression>`` computes what the forward pass computes; return the graph."""

    def compared(body, shapes, input_shape, *, tolerance=1e-5):
        random = np.random.default_rng(1)
        arrays = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
        lines = [line if line.startswith(("l =", "a =", "b =", "return")) else f"return {line}" for line in body]
        shape = (None, *input_shape)
        text = "from lasagne.layers import *\nfrom lasagne.nonlinearities import *\nimport lasagne\n"
        text += "import theano.tensor as T\n"
        text += f"def build_network():\n    l = InputLayer({shape})\n" + "".join(f"    {line}\n" for line in lines)
        parser = LasagneParser()
        model = parser.load(write(text, arrays))
        assert isinstance(model, LasagneModel)
        graph = parser.parse(model)
        batch = random.standard_normal((3, *input_shape)).astype(np.float32)
        truth, found = parser.predict(model, batch), evaluate(graph, batch)
        assert truth.shape == found.shape
        assert truth.any()
        np.testing.assert_allclose(found, truth, rtol=tolerance, atol=tolerance * np.abs(truth).max())
        return graph

    return compared
