"""Strangers' networks, quantized, equal their integers on real test images, in every layer.

The evaluation they are held against is float64 on ``code * step``: float32 weights are off that grid by rounding.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import snntk
from snntk.given import installed
from snntk_core import Context, Graph, NumberFormat, Scale, activations, evaluate
from snntk_core.quantized_output import with_output_format

IMAGES = 200
DEVIATION, MEAN = np.array((0.2471, 0.2435, 0.2616)), np.array((0.4914, 0.4822, 0.4465))


@dataclass(frozen=True)
class Stranger:
    """The files of a model and its images; ``scale`` and ``shift`` make integers of what it reads.

    ``first``: the order of axes with channels first; ``mean``: it reads images less the mean one; ``scaled``: a Scale
    is put behind its input; ``rounded``: layers with no ReLU behind them, whose outputs are rounded too.
    """

    files: tuple[str, ...]
    images: str
    scale: float = 255.0
    shift: int = 0
    bits: int = 8
    first: bool = False
    scaled: bool = False
    rounded: tuple[str, ...] = ()
    rewrites: tuple[str, ...] = ()
    count: int = IMAGES

    def fed(self, images: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Return the integers of images."""
        moved = images.astype(np.int64) + self.shift - (mean if self.shift else 0)
        return (moved.transpose(0, 3, 1, 2) if self.first else moved).astype(np.int64)


QUICK = "caffe/caffe-simshang-cifarquick"
LENET = "caffe/caffe-ethereon-lenet"
STRANGERS = {
    "mlperf-resnet8": Stranger(("keras/h5-mlperf-resnet8/pretrainedResnet.h5",), "cifar10", 1.0),
    "bhartiansh-resnet20": Stranger(
        ("keras/h5-bhartiansh-resnet20-baseline/baseline_resnet20.h5",), "cifar10", 1.0, scaled=True, count=100
    ),
    "simshang-cifarquick": Stranger(
        (f"{QUICK}/deploy.prototxt", f"{QUICK}/cifar10_quick_iter_5000.caffemodel"),
        *("cifar10", 1.0, 256, 9, True),
        rewrites=("fuse-consecutive-linear",),
    ),
    "moonflower-cnn": Stranger(("keras/k3-moonflower-cnn/mnist_model.keras",), "mnist"),
    "ethereon-lenet": Stranger(
        (f"{LENET}/deploy.prototxt", f"{LENET}/lenet_iter_10000.caffemodel"),
        "mnist",
        first=True,
        rounded=("conv1", "conv2"),
    ),
}


@cache
def images_of(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return 100 training and 200 test images, (n, height, width, channels), or skip."""
    shared = Path(os.environ.get("SNNTK_SHARED", "no-such-folder"))
    if not shared.is_dir():
        pytest.skip("SNNTK_SHARED does not name the folder with strangers' models and the data sets")
    spec = importlib.util.spec_from_file_location("load", shared / "data" / "load.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    train, test = (getattr(module, kind)(split)[0] for split in ("train", "test"))
    return tuple(x[:n].reshape(n, *x.shape[1:3], -1) for x, n in ((train, 100), (test, IMAGES)))  # type: ignore[return-value]


def quantized(stranger: Stranger, bits: int, training: np.ndarray) -> Graph:
    """Return the network with every layer on a grid; ``training``: what it reads."""
    registry = installed()
    files = tuple(Path(os.environ["SNNTK_SHARED"]) / "models" / file for file in stranger.files)
    if not all(file.exists() for file in files):
        pytest.skip(f"{files[0]} is not there")
    graph = snntk.parse(files if len(files) > 1 else files[0])
    for name in stranger.rewrites:
        graph = registry.transforms[name]().apply(graph, Context())
    graph = snntk.quantize(graph, weight_bits=bits, activation_bits=bits, calibration=training)
    for name in stranger.rounded:
        largest = float(np.abs(evaluate(graph, training, name)).max())
        graph = with_output_format(graph, name, NumberFormat.spanning(bits, largest))
    return graph


def on_its_grids(graph: Graph) -> Graph:
    """Return the graph with float64 weights ``code * step``."""
    nodes = []
    for node in graph:
        if "weight" in node.formats:
            found, weight = node.formats["weight"], node.op.arrays["weight"]
            shape = [1] * weight.ndim
            if found.axis is not None:
                shape[found.axis] = -1
            exact = found.encode(weight) * found.scale.astype(np.float64).reshape(shape)
            node = replace(node, op=replace(node.op, weight=exact))
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("name", STRANGERS)
def test_every_layer_of_every_image(name: str, bits: int) -> None:
    stranger = STRANGERS[name]
    training, test = images_of(stranger.images)
    mean = np.rint(training.mean(axis=0))
    scale, shift = stranger.scale, stranger.shift
    real = ((stranger.fed(training, mean) - shift) / scale).astype(np.float32)
    if stranger.scaled:
        scaling = Scale((1 / 255 / DEVIATION).astype(np.float32), (-MEAN / DEVIATION).astype(np.float32))
        graph = quantized(stranger, bits, (real / 255 - MEAN) / DEVIATION)
        graph = graph.insert_after(graph.source.name, "scaling", scaling)
    else:
        graph = quantized(stranger, bits, real)
    network = snntk.integers(graph, input_scale=scale, input_shift=shift, input_bits=stranger.bits)
    names, wide = [layer.name for layer in network.layers], on_its_grids(graph)
    codes = stranger.fed(test[: stranger.count], mean)
    for start in range(0, len(codes), 50):
        part = codes[start : start + 50]
        expected = activations(wide, (part - shift) / scale, names)
        found = network.evaluate(part, names)
        for layer in names:
            value = network[layer].value
            if len(value.terms) > 1:
                np.testing.assert_allclose(value.decode(found[layer]), expected[layer], rtol=1e-9, atol=1e-9)
                continue
            gain, offset = (np.asarray(each, np.float64) for each in (value.terms[0].gain, value.offset))
            np.testing.assert_array_equal(found[layer][0], np.rint((expected[layer] - offset) / gain), layer)
