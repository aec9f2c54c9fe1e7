"""Small ONNX models, built in memory, compared with onnxruntime."""

from collections.abc import Callable

import numpy as np
import pytest

from snntk_core import Graph, evaluate
from snntk_core.ops import Transpose
from snntk_onnx import OnnxParser

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def make_model(nodes, shape, opset, constants=None, batch="batch", outputs=("y",), inputs=None):
    """Return a model that reads ``x`` and gives ``outputs``; ``nodes``: (type, inputs, outputs, attributes)."""
    made = [
        onnx.helper.make_node(kind, list(reads), list(gives), name=f"{kind}{index}", **attributes)
        for index, (kind, reads, gives, attributes) in enumerate(nodes)
    ]
    tensors = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    floating = onnx.TensorProto.FLOAT
    entries = [onnx.helper.make_tensor_value_info("x", floating, [batch, *shape])] if inputs is None else inputs
    if opset < 9:  # before, a constant was an input with a default
        entries = entries + [onnx.helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    exits = [onnx.helper.make_tensor_value_info(name, floating, None) for name in outputs]
    graph = onnx.helper.make_graph(made, "small", entries, exits, tensors)
    return onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=3 if opset < 9 else 8
    )


@pytest.fixture
def compare() -> Callable[..., Graph]:
    """Check that a model's graph computes what onnxruntime computes, and return the graph."""

    def check(nodes, shape, opset, constants=None, *, expected=None, tolerance=1e-5, **options) -> Graph:
        model = make_model(nodes, shape, opset, constants, **options)
        parser = OnnxParser()
        graph = parser.parse(parser.load(model))
        batch = np.random.default_rng(3).standard_normal((3, *shape)).astype(np.float32)
        truth = parser.predict(parser.load(model), batch) if expected is None else expected(batch)
        found = evaluate(graph, batch)
        assert found.shape == truth.shape
        np.testing.assert_allclose(found, truth, rtol=tolerance, atol=tolerance * max(np.abs(truth).max(), 1))
        return graph

    return check


@pytest.fixture
def small() -> Callable[..., "onnx.ModelProto"]:
    """Build a small model."""
    return make_model


@pytest.fixture
def load_small() -> Callable[..., Graph]:
    """Parse a small model."""
    parser = OnnxParser()
    return lambda *arguments, **options: parser.parse(parser.load(make_model(*arguments, **options)))


@pytest.fixture
def transposes() -> Callable[[Graph], int]:
    """Count the transposes of a graph."""
    return lambda graph: sum(isinstance(node.op, Transpose) for node in graph)
