"""The parser itself: lazy imports, fixed batches, functions, names, and the compliance kit."""

import subprocess
import sys

import numpy as np
import pytest

from snntk_core import evaluate
from snntk_core.testing import check_component
from snntk_onnx import OnnxModel, OnnxParser

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def test_compliance():
    assert all(outcome.passed for outcome in check_component(OnnxParser))


def test_onnx_is_imported_at_the_last_moment():
    code = (
        "import sys, snntk_onnx; p = snntk_onnx.OnnxParser(); "
        "assert p.accepts('a.onnx') and not p.accepts(3); "
        "assert not {'onnx', 'onnxruntime', 'google.protobuf'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("batch", [1, 2, 5, "n", 100_000])
def test_any_batch_size_is_predicted(small, batch):
    generator = np.random.default_rng(0)
    nodes = [
        ("Conv", ["x", "w"], ["a"], {"kernel_shape": [3, 3]}),
        ("Reshape", ["a", "s"], ["f"], {}),
        ("MatMul", ["f", "d"], ["y"], {}),
    ]
    constants = {
        "w": generator.standard_normal((2, 1, 3, 3)).astype(np.float32),
        "s": np.array([-1 if batch == "n" else batch, 18], np.int64),
        "d": generator.standard_normal((18, 3)).astype(np.float32),
    }
    model = OnnxParser().load(small(nodes, (1, 5, 5), 13, constants, batch=batch))
    x = generator.standard_normal((7, 1, 5, 5)).astype(np.float32)
    found = OnnxParser().predict(model, x)
    np.testing.assert_allclose(found, evaluate(OnnxParser().parse(model), x), rtol=1e-4, atol=1e-4)


def test_a_reshape_that_computes_the_fixed_batch_is_run_sample_by_sample(small):
    """Flatten from axis 0 makes one row of the whole batch, so a copy with a free batch size gives something else."""
    nodes = [("Flatten", ["x"], ["f"], {"axis": 0}), ("Softmax", ["f"], ["y"], {"axis": 1})]
    model = OnnxParser().load(small(nodes, (3, 2), 13, batch=1))
    x = np.random.default_rng(1).standard_normal((5, 3, 2)).astype(np.float32)
    np.testing.assert_allclose(
        OnnxParser().predict(model, x), evaluate(OnnxParser().parse(model), x), rtol=1e-5, atol=1e-6
    )


def test_functions_of_the_model_are_written_out():
    helper = onnx.helper
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("own", 1)]
    body = [helper.make_node("MatMul", ["a", "w"], ["m"]), helper.make_node("Relu", ["m"], ["b"])]
    function = helper.make_function("own", "Layer", ["a", "w"], ["b"], body, opsets[:1])
    weight = np.random.default_rng(2).standard_normal((4, 3)).astype(np.float32)
    floating = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Layer", ["x", "w"], ["y"], domain="own")],
        "g",
        [helper.make_tensor_value_info("x", floating, ["n", 4])],
        [helper.make_tensor_value_info("y", floating, ["n", 3])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    model = OnnxParser().load(helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8))
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(evaluate(OnnxParser().parse(model), x), np.maximum(x @ weight, 0), rtol=1e-6)


def test_names_are_those_of_the_nodes_and_unique(small):
    model = small([("Relu", ["x"], ["h"], {}), ("Tanh", ["h"], ["t"], {}), ("Neg", ["t"], ["y"], {})], (4,), 13)
    for node, name in zip(model.graph.node, ["layer", "layer", ""], strict=True):
        node.name = name
    graph = OnnxParser().parse(OnnxModel(model))
    assert [node.name for node in graph] == ["x", "layer", "layer_2", "y"]


def test_unused_inputs_and_nodes_are_left_out(small):
    entries = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n", 4]) for n in ("x", "label")]
    nodes = [("Relu", ["x"], ["y"], {}), ("ArgMax", ["label"], ["unused"], {})]
    graph = OnnxParser().parse(OnnxModel(small(nodes, (4,), 13, inputs=entries)))
    assert [node.name for node in graph] == ["x", "Relu0"]
