"""Small models that the compliance kit loads."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from snntk_core.shapes import Shape

DEPLOYED = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 7 dim: 7 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "scores" type: "InnerProduct" bottom: "pool" top: "scores" inner_product_param { num_output: 4 } }
layer { name: "prob" type: "Softmax" bottom: "scores" top: "prob" }
"""
WEIGHTS: dict[str, tuple[Shape, ...]] = {"conv": ((3, 2, 3, 3), (3,)), "scores": ((4, 27), (4,))}


@cache
def _folder() -> TemporaryDirectory[str]:
    """A folder for the examples' files, removed when the process ends."""
    return TemporaryDirectory(prefix="snntk-caffe-")


def convolutional() -> tuple[Path, Path]:
    """Return a prototxt and a caffemodel of a network with a convolution, a pooling and a layer of scores."""
    from snntk_caffe.messages import classes, layer

    random = np.random.default_rng(0)
    network, weights = (Path(_folder().name, f"example.{ending}") for ending in ("prototxt", "caffemodel"))
    network.write_text(DEPLOYED, encoding="utf-8")
    layers = [
        layer(name, "", (), blobs=[{"shape": {"dim": s}, "data": random.normal(size=s).reshape(-1)} for s in shapes])
        for name, shapes in WEIGHTS.items()
    ]
    weights.write_bytes(classes().NetParameter(layer=layers).SerializeToString())
    return network, weights
