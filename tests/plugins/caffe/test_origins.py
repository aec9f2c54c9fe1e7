"""Caffe's own layers are known through ONNX: which nodes they became, and which left none."""

from __future__ import annotations

import numpy as np
from caffe_networks import data, layer, needs_caffe

from snntk_core.provenance import nodes_by_layer

pytestmark = needs_caffe
R = np.random.default_rng(0)


def test_layers_of_the_prototxt(parsed):
    statistics = [R.normal(size=4), R.uniform(1, 2, 4), np.ones(1)]
    graph = parsed(
        [
            data(2, 6, 6),
            layer(
                "Convolution", "conv", "data", blobs=[R.normal(size=(4, 2, 3, 3)), R.normal(size=4)],
                convolution_param={"num_output": 4, "kernel_size": 3},
            ),
            layer("BatchNorm", "norm", "conv", blobs=statistics),
            layer("Scale", "scale", "norm", blobs=R.normal(size=(2, 4)), scale_param={"bias_term": True}),
            layer("Dropout", "drop", "scale"),
            layer(
                "InnerProduct", "scores", "drop", blobs=[R.normal(size=(3, 64)), R.normal(size=3)],
                inner_product_param={"num_output": 3},
            ),
            layer("Softmax", "prob", "scores"),
        ]
    )  # fmt: skip
    found = nodes_by_layer(graph)
    assert list(found) == ["data", "conv", "norm", "scale", "drop", "scores", "prob"]
    assert graph.layers["scores"] == "InnerProduct"
    assert found["norm"] == found["scale"] == ("norm",)
    assert found["drop"] == ()
    assert found["scores"] == ("scores_flat", "scores")
