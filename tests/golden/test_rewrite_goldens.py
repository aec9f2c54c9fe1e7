"""What each standard rewrite does to one network, as text: ``<rewrite>.txt`` holds the graph before and after.

After an intended change, write the files with ``SNNTK_WRITE_GOLDENS=1 pytest tests/golden -n 0`` and read the diff.
"""

import os
from pathlib import Path

import numpy as np
import pytest

import snntk_standard
from snntk_core import (
    Add,
    AveragePool,
    BatchNorm,
    Concat,
    Context,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    FakeQuantize,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Identity,
    Input,
    MaxPool,
    Node,
    Op,
    QuantizedRelu,
    Relu,
    Scale,
    Softmax,
)

FOLDER = Path(__file__).parent
CALIBRATION = np.random.default_rng(0).uniform(0, 1, (4, 8, 8, 2))
REWRITES = {cls.name: cls() for cls in snntk_standard.snntk_transforms()}


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def batchnorm(channels: int) -> BatchNorm:
    return BatchNorm(ones(channels), ones(channels), ones(channels), ones(channels))


def graph(*rows: tuple[str, Op, str], outputs: tuple[str, ...] = ()) -> Graph:
    """Return a graph on 8 by 8 images with two channels; each row is a name, an op, and what it reads."""
    nodes = (Node(name, op, tuple(inputs.split())) for name, op, inputs in rows)
    return Graph((Node("image", Input((8, 8, 2))), *nodes), outputs).verify()


NETWORKS = {
    "drop-dropout": graph(
        ("conv", Conv2D(ones(3, 3, 2, 4)), "image"),
        ("noise", Dropout(), "conv"),
        ("relu", Relu(), "noise"),
        ("sum", Add(), "relu noise"),
        ("end", Identity(), "sum"),
    ),
    "drop-fake-quantize": graph(
        ("rounded", FakeQuantize(), "image"),
        ("conv", Conv2D(ones(3, 3, 2, 4)), "rounded"),
        ("relu", QuantizedRelu(), "conv"),
        ("end", FakeQuantize(), "relu"),
    ),
    "split-global-pool": graph(
        ("average", GlobalAveragePool(), "image"),
        ("largest", GlobalMaxPool(keep_axes=True), "image"),
        ("flat", Flatten(), "largest"),
        ("both", Concat(), "average flat"),
    ),
    "insert-flatten": graph(
        ("mix", Dense(ones(2, 4)), "image"),
        ("pool", AveragePool((8, 8)), "mix"),
        ("dense", Dense(ones(4, 5)), "pool"),
        ("relu", Relu(), "dense"),
        ("scores", Dense(ones(5, 3)), "relu"),
    ),
    "fold-batchnorm": graph(
        ("conv", Conv2D(ones(3, 3, 2, 4)), "image"),
        ("before", batchnorm(4), "conv"),
        ("relu", Relu(), "before"),
        ("after", batchnorm(4), "relu"),
        ("valid", Conv2D(ones(3, 3, 4, 4)), "after"),
        ("relu_2", Relu(), "valid"),
        ("stays", batchnorm(4), "relu_2"),
        ("padded", Conv2D(ones(3, 3, 4, 4), padding="same"), "stays"),
    ),
    "fold-constant-scale": graph(
        ("mean", Scale(ones(), -ones(8, 8, 2)), "image"),
        ("flat", Flatten(), "mean"),
        ("dense", Dense(ones(128, 4)), "flat"),
        ("twice", Scale(2 * ones()), "dense"),
        ("relu", Relu(), "twice"),
        ("nothing", Scale(ones()), "relu"),
    ),
    "fuse-consecutive-linear": graph(
        ("depthwise", DepthwiseConv2D(ones(3, 3, 2, 1)), "image"),
        ("pointwise", Conv2D(ones(1, 1, 2, 4)), "depthwise"),
        ("relu", Relu(), "pointwise"),
        ("conv", Conv2D(ones(3, 3, 4, 4)), "relu"),
        ("pool", AveragePool((2, 2)), "conv"),
        ("flat", Flatten(), "pool"),
        ("scores", Dense(ones(16, 3)), "flat"),
    ),
    "activation-before-max-pool": graph(
        ("conv", Conv2D(ones(3, 3, 2, 4)), "image"),
        ("pool", MaxPool((2, 2)), "conv"),
        ("again", MaxPool((2, 2), (1, 1)), "pool"),
        ("relu", Relu(), "again"),
    ),
    "max-pool-before-concat": graph(
        ("conv", Conv2D(ones(1, 1, 2, 3)), "image"),
        ("relu", Relu(), "conv"),
        ("join", Concat(), "relu image"),
        ("pool", MaxPool((2, 2)), "join"),
    ),
    "rectify-pooled-sums": graph(
        ("conv", Conv2D(ones(1, 1, 2, 2)), "image"),
        ("relu", Relu(), "conv"),
        ("sum", Add(), "relu relu"),
        ("pool", MaxPool((2, 2)), "sum"),
    ),
    "shift-pooled-currents": graph(
        ("conv", Conv2D(-ones(3, 3, 2, 4), padding="same"), "image"),
        ("pool", MaxPool((2, 2)), "conv"),
        ("next", Conv2D(ones(1, 1, 4, 3)), "pool"),
        ("last", MaxPool((4, 4)), "next"),
        ("flat", Flatten(), "last"),
        ("scores", Dense(ones(3, 2)), "flat"),
    ),
    "max-to-average-pool": graph(
        ("pool", MaxPool((2, 2)), "image"),
        ("all", GlobalMaxPool(), "pool"),
    ),
    "softmax-to-readout": graph(
        ("flat", Flatten(), "image"),
        ("features", Dense(ones(128, 4)), "flat"),
        ("relu", Relu(), "features"),
        ("scores", Dense(ones(4, 3)), "relu"),
        ("classes", Softmax(), "scores"),
        outputs=("classes", "relu"),
    ),
}


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewrite_does_what_its_golden_file_shows(name: str) -> None:
    before = NETWORKS[name]
    after = REWRITES[name].apply(before, Context(CALIBRATION)).verify()
    text = f"before\n\n{before}\n\nafter {name}\n\n{after}\n"
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    path = FOLDER / f"{name}.txt"
    if os.environ.get("SNNTK_WRITE_GOLDENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
