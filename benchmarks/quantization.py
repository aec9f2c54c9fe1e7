"""What quantization costs in accuracy on strangers' networks, for several numbers of bits and ways to find ranges.

    SNNTK_SHARED=... python benchmarks/quantization.py [--samples 2000] [--calibration 500] [--only NAME ...]

Weights: one step for each output channel, nearest rounding unless a line says otherwise.  The calibration samples are
training images drawn with a fixed seed; the test images are the first ones.  ``8/8`` is weights / activations; the
first layer has as many bits as the others.  The table has percentage points lost against the float network.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

import snntk
from snntk_core import ActivationQuantizer
from snntk_uniform import MinimumMeanSquareError, Percentile

SEED = 7
BITS = ((8, 8), (4, 4), (4, 2), (2, 4))
Prepare = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Stranger:
    """A model in the folder of strangers' models, its images, and how it takes them: ``prepare(images, training)``."""

    files: tuple[str, ...]
    images: str
    prepare: Prepare


def plain(images: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the images as they are, 0 to 255."""
    return images


def unit(images: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the images between zero and one."""
    return images / 255


def first_channel(images: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the images between zero and one, channels first."""
    return images.transpose(0, 3, 1, 2) / 255


def standard(images: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the images with the usual mean and deviation of CIFAR-10."""
    return (images / 255 - (0.4914, 0.4822, 0.4465)) / (0.2471, 0.2435, 0.2616)


def caffe(images: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the images less the mean of the training images at each pixel, channels first."""
    return (images - training.mean(axis=0)).transpose(0, 3, 1, 2)


STRANGERS = {
    "h5-mlperf-resnet8": Stranger(("keras/h5-mlperf-resnet8/pretrainedResnet.h5",), "cifar10", plain),
    "h5-bhartiansh-resnet20-baseline": Stranger(
        ("keras/h5-bhartiansh-resnet20-baseline/baseline_resnet20.h5",), "cifar10", standard
    ),
    "caffe-simshang-cifarquick": Stranger(
        (
            "caffe/caffe-simshang-cifarquick/deploy.prototxt",
            "caffe/caffe-simshang-cifarquick/cifar10_quick_iter_5000.caffemodel",
        ),
        "cifar10",
        caffe,
    ),
    "k3-moonflower-cnn": Stranger(("keras/k3-moonflower-cnn/mnist_model.keras",), "mnist", unit),
    "caffe-ethereon-lenet": Stranger(
        ("caffe/caffe-ethereon-lenet/deploy.prototxt", "caffe/caffe-ethereon-lenet/lenet_iter_10000.caffemodel"),
        "mnist",
        first_channel,
    ),
}
BEST = MinimumMeanSquareError()
METHODS: dict[str, tuple[ActivationQuantizer, tuple[str, ...]]] = {
    "largest value": (Percentile(percentile=100.0), ()),
    "percentile 99.9": (Percentile(), ()),
    "least squared error, per channel": (MinimumMeanSquareError(per="channel"), ()),
    "least squared error": (BEST, ()),
    "- biases corrected": (BEST, ("correct-biases",)),
    "- rounding adapted": (BEST, ("adapt-rounding",)),
    "- rounding adapted, biases corrected": (BEST, ("adapt-rounding", "correct-biases")),
    "- blocks reconstructed": (BEST, ("adapt-rounding", "reconstruct-blocks")),
}
"""Ways to find the ranges of activations, and what is calibrated then."""


def images_of(shared: Path, kind: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield images and labels of "train" and "test"."""
    spec = importlib.util.spec_from_file_location("load", shared / "data" / "load.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for split in ("train", "test"):
        x, y = getattr(module, kind)(split)
        yield x.reshape(*x.shape[:3], -1).astype(np.float32), y


def accuracy(graph: snntk.Graph, x: np.ndarray, y: np.ndarray) -> float:
    """Return the share decided right, in percent."""
    return 100 * float((snntk.evaluate(graph, x).argmax(axis=-1) == y).mean())


def rows(shared: Path, name: str, samples: int, calibration: int, methods: Sequence[str]) -> Iterator[str]:
    """Yield the lines of one network."""
    stranger = STRANGERS[name]
    (train, _), (test, labels) = images_of(shared, stranger.images)
    chosen = np.random.default_rng(SEED).choice(len(train), calibration, replace=False)
    ranges = stranger.prepare(train[chosen], train).astype(np.float32)
    x, y = stranger.prepare(test[:samples], train).astype(np.float32), labels[:samples]
    files = tuple(shared / "models" / file for file in stranger.files)
    graph = snntk.parse(files if len(files) > 1 else files[0])
    float_accuracy = accuracy(graph, x, y)
    yield f"\n{name}: float {float_accuracy:.2f} % of {len(y)} {stranger.images} test images"
    for title in methods:
        quantizer, calibrate = METHODS[title]
        start, lost = perf_counter(), []
        for weight, activation in BITS:
            quantized = snntk.quantize(
                graph,
                weight_bits=weight,
                activation_bits=activation,
                activations=quantizer,
                calibration=ranges,
                calibrate=calibrate,
            )
            lost.append(float_accuracy - accuracy(quantized, x, y))
        cells = "  ".join(f"{points:8.2f}" for points in lost)
        yield f"  {title:<34} {cells}   ({perf_counter() - start:.0f} s)"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--calibration", type=int, default=500)
    parser.add_argument("--only", nargs="+", choices=list(STRANGERS), default=list(STRANGERS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="METHOD")
    args = parser.parse_args()
    shared = os.environ.get("SNNTK_SHARED")
    if not shared:
        print("SNNTK_SHARED does not name the folder with models and data.", file=sys.stderr)
        return 2
    print(f"{args.calibration} calibration samples, seed {SEED}; points lost with weights/activations in bits:")
    print(" " * 37 + "  ".join(f"{weight}/{activation}".rjust(8) for weight, activation in BITS))
    for name in args.only:
        for line in rows(Path(shared), name, args.samples, args.calibration, args.methods):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
