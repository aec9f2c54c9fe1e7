"""What quantization costs in accuracy on strangers' networks, for several numbers of bits and ways to calibrate.

    SNNTK_SHARED=... python benchmarks/quantization.py [--samples 2000] [--only NAME ...] [--results FILE]

Weights: one step for each output channel; ``8/8`` is weights / activations, and the first and the last layer have as
many bits as the others.  The calibration samples are training images drawn with a fixed seed; the test images are the
first ones.  ``--results`` keeps what was measured, so that an interrupted run goes on where it was; ``--table`` prints
it as a table for the documentation.  The tables have percentage points lost against the float network.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from quantization_results import BITS, FLOAT, Results, key_of, spelled, table

import snntk
from snntk_core import ActivationQuantizer
from snntk_uniform import MinimumMeanSquareError, Percentile

SEED = 7
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


@dataclass(frozen=True)
class Method:
    """How the grids of weights and the ranges of activations are found, and what is calibrated then."""

    weights: str | None = None
    activations: ActivationQuantizer = BEST
    calibrate: tuple[str, ...] = ()


COLUMNS = {spelled(bits): bits for bits in BITS}
LEAST = "least-squares-per-axis"
METHODS = {
    "nearest rounding": Method(),
    "correct-biases": Method(calibrate=("correct-biases",)),
    "adapt-rounding": Method(calibrate=("adapt-rounding",)),
    "adapt-rounding, correct-biases": Method(calibrate=("adapt-rounding", "correct-biases")),
    "adapt-rounding, reconstruct-blocks": Method(calibrate=("adapt-rounding", "reconstruct-blocks")),
    f"{LEAST}, nearest rounding": Method(LEAST),
    f"{LEAST}, adapt-rounding": Method(LEAST, calibrate=("adapt-rounding",)),
    f"{LEAST}, adapt-rounding, reconstruct-blocks": Method(LEAST, calibrate=("adapt-rounding", "reconstruct-blocks")),
    "range: largest value": Method(activations=Percentile(percentile=100.0)),
    "range: percentile 99.9": Method(activations=Percentile()),
    "range: least squared error per channel": Method(activations=MinimumMeanSquareError(per="channel")),
}
"""Ways to calibrate, by what the table calls them; the last ones differ in the ranges of activations alone."""


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


@dataclass(frozen=True)
class Case:
    """A network with its images, read when they are needed."""

    shared: Path
    name: str
    samples: int
    calibration: int

    @cached_property
    def images(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Calibration images, test images and their labels."""
        stranger = STRANGERS[self.name]
        (train, _), (test, labels) = images_of(self.shared, stranger.images)
        chosen = np.random.default_rng(SEED).choice(len(train), self.calibration, replace=False)
        prepared = (stranger.prepare(some, train).astype(np.float32) for some in (train[chosen], test[: self.samples]))
        return (*prepared, labels[: self.samples])  # type: ignore[return-value]

    @cached_property
    def graph(self) -> snntk.Graph:
        """The float network."""
        files = tuple(self.shared / "models" / file for file in STRANGERS[self.name].files)
        return snntk.parse(files if len(files) > 1 else files[0])

    def right(self, graph: snntk.Graph) -> int:
        """Return how many test images are decided right."""
        _, x, y = self.images
        return int((snntk.evaluate(graph, x).argmax(axis=-1) == y).sum())

    def quantized(self, method: Method, weight: int, activation: int) -> snntk.Graph:
        """Return the quantized network."""
        return snntk.quantize(
            self.graph,
            weight_bits=weight,
            activation_bits=activation,
            weights=method.weights,
            activations=method.activations,
            calibration=self.images[0],
            calibrate=method.calibrate,
        )


def rows(case: Case, results: Results, methods: Sequence[str], columns: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Yield the lines of one network."""
    found = results.cell(key_of(case.name, FLOAT), lambda: case.right(case.graph))
    yield f"\n{case.name}: float {100 * found['right'] / case.samples:.2f} % of {case.samples} test images"
    for title in methods:
        cells, seconds = [], 0.0
        for bits in columns:
            measure = partial(_right, case, METHODS[title], bits)
            seconds += results.cell(key_of(case.name, title, bits), measure)["seconds"]
            cells.append(f"{results.lost(case.name, title, bits):8.2f}")
        yield f"  {title:<68} {'  '.join(cells)}   ({seconds:.0f} s)"


def _right(case: Case, method: Method, bits: tuple[int, int]) -> int:
    return case.right(case.quantized(method, *bits))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--calibration", type=int, default=500)
    parser.add_argument("--only", nargs="+", choices=list(STRANGERS), default=list(STRANGERS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="METHOD")
    parser.add_argument("--bits", nargs="+", choices=COLUMNS, default=list(COLUMNS), help="columns, all by default")
    parser.add_argument("--results", type=Path, help="a file that keeps what was measured")
    parser.add_argument("--table", action="store_true", help="only print what the file has, as a table")
    args = parser.parse_args()
    results = Results(args.results, {"samples": args.samples, "calibration": args.calibration, "seed": SEED})
    if args.table:
        print("\n".join(table(results, args.only, args.methods)))
        return 0
    shared = os.environ.get("SNNTK_SHARED")
    if not shared:
        print("SNNTK_SHARED does not name the folder with models and data.", file=sys.stderr)
        return 2
    print(f"{args.calibration} calibration samples, seed {SEED}; points lost with weights/activations in bits:")
    print(" " * 71 + "  ".join(column.rjust(8) for column in args.bits))
    for name in args.only:
        case = Case(Path(shared), name, args.samples, args.calibration)
        for line in rows(case, results, args.methods, [COLUMNS[column] for column in args.bits]):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
