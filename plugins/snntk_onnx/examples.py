"""Small models that the compliance kit parses."""

from __future__ import annotations

from typing import Any

import numpy as np


def image_classifier() -> Any:
    """Return a convolutional ModelProto with a free batch size: normalization, branches, pooling, two layers."""
    random = np.random.default_rng(0)
    constants = {
        "mean": random.uniform(size=(2, 1, 1)),
        "kernel": random.normal(size=(4, 2, 3, 3)),
        "bias": random.normal(size=4),
        "other_kernel": random.normal(size=(4, 1, 3, 3)),
        "shape": np.array([0, -1], np.int64),
        "weight": random.normal(size=(128, 3)),
        "offset": random.normal(size=3),
    }
    nodes = [
        ("Sub", ["image", "mean"], "centered", {}),
        ("Conv", ["centered", "kernel", "bias"], "conv", {"pads": [1, 1, 1, 1]}),
        ("Relu", ["conv"], "relu", {}),
        ("Conv", ["relu", "other_kernel"], "depthwise", {"pads": [1, 1, 1, 1], "group": 4}),
        ("Concat", ["depthwise", "relu"], "joined", {"axis": 1}),
        ("MaxPool", ["joined"], "pooled", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Reshape", ["pooled", "shape"], "flat", {}),
        ("MatMul", ["flat", "weight"], "product", {}),
        ("Add", ["product", "offset"], "scores", {}),
    ]
    return _model(nodes, constants, "image", ("batch", 2, 8, 8))


def perceptron() -> Any:
    """Return a ModelProto with a batch size fixed to one, which its Reshape repeats."""
    random = np.random.default_rng(1)
    constants = {
        "shape": np.array([1, 12], np.int64),
        "weight": random.normal(size=(5, 12)),
        "bias": random.normal(size=5),
        "last_weight": random.normal(size=(5, 3)),
    }
    nodes = [
        ("Reshape", ["features", "shape"], "flat", {}),
        ("Gemm", ["flat", "weight", "bias"], "hidden", {"transB": 1}),
        ("Sigmoid", ["hidden"], "rate", {}),
        ("Gemm", ["rate", "last_weight"], "logits", {}),
        ("Softmax", ["logits"], "scores", {"axis": 1}),
    ]
    return _model(nodes, constants, "features", (1, 3, 4))


def _model(nodes: list[Any], constants: dict[str, Any], entry: str, shape: tuple[int | str, ...]) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    made = [helper.make_node(kind, reads, [gives], name=gives, **options) for kind, reads, gives, options in nodes]
    arrays = {name: a if a.dtype == np.int64 else a.astype(np.float32) for name, a in constants.items()}
    graph = helper.make_graph(
        made,
        "example",
        [helper.make_tensor_value_info(entry, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [shape[0], 3])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
