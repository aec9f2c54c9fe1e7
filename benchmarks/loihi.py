"""Strangers' networks on Loihi's emulator: accuracy beside that of the rounded network, cores and time.

    python benchmarks/loihi.py [--images N] [NAME...]

A LeNet for MNIST and a residual network for CIFAR-10, which lie with their images in the folder that SNNTK_SHARED
names; 500 training images drawn with seed 7 for calibration.  ``rounded`` is the network of the transform `loihi-grid`,
run in numpy with currents that no bias has rounded.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "end_to_end"))

import strangers

import snntk
from snntk.given import installed
from snntk_core import Array, Context, Graph
from snntk_core.recipe import load_recipe, read_recipe
from snntk_loihi.grid import grid_of
from snntk_loihi.placement import placed

CALIBRATION = 500


@dataclass(frozen=True)
class Case:
    """A model, its images, and how it is converted: the threshold makes little be lost at a reset to zero."""

    images: strangers.Stranger
    files: tuple[str, ...]
    threshold: float
    steps: int


CASES = {
    "caffe-ethereon-lenet": Case(
        strangers.Stranger("caffe/caffe-ethereon-lenet", "mnist"),
        ("deploy.prototxt", "lenet_iter_10000.caffemodel"),
        8.0,
        96,
    ),
    "vnn-resnet2b": Case(
        strangers.Stranger("onnx/vnn-resnet2b", "cifar10", *strangers.CIFAR), ("resnet_2b.onnx",), 4.0, 128
    ),
}


def spiking(case: Case) -> tuple[object, Graph]:
    """Return the model and its spiking network."""
    files = tuple(strangers.shared() / "models" / case.images.folder / name for name in case.files)
    source = files if len(files) > 1 else files[0]
    samples, _ = strangers.samples(case.images, "train", CALIBRATION)
    table = {"code": {"name": "rate", "reset": "zero", "threshold": case.threshold}}
    recipe = read_recipe(table, "loihi").over(load_recipe("rate", installed()))
    return source, snntk.convert(source, calibration=samples, recipe=replace(recipe, duration=case.steps))


def row(name: str, case: Case, images: int) -> str:
    """Return the line of a network."""
    x, labels = strangers.samples(case.images, "test", images)
    source, graph = spiking(case)
    rounded = installed().transforms["loihi-grid"]().apply(graph, Context())
    begin = perf_counter()
    program = installed().simulators["loihi"]().compile(graph)
    built = perf_counter() - begin
    with program:
        begin = perf_counter()
        emulated = program.run(x, duration=case.steps)
        each = (perf_counter() - begin) / images
    plain, exact = (snntk.simulate(each, x, steps=case.steps, simulator="numpy") for each in (graph, rounded))
    counts = [(emulated.spike_counts[key], counted) for key, counted in exact.spike_counts.items()]
    unlike = sum(int((one != other).sum()) for one, other in counts) / sum(one.size for one, _ in counts)
    analog = float((snntk.evaluate(snntk.parse(source), x).argmax(axis=1) == labels).mean())
    cells = (
        name, str(case.steps), _share(analog), *(_share(_right(r.scores, labels)) for r in (plain, exact, emulated)),
        f"{100 * unlike:.2f} %", str(sum(stage.cores for stage in placed(grid_of(graph)))), f"{built:.1f} s",
        f"{each:.1f} s",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _right(scores: Array, labels: Array) -> float:
    return float((scores[:, -1].argmax(axis=1) == labels).mean())


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200, help="test images")
    parser.add_argument("names", nargs="*", default=list(CASES), help="some of the networks")
    arguments = parser.parse_args()
    print("| network | T | ANN | spiking | rounded | Loihi | counts unlike the rounded | cores | built | an image |")
    print("|" + " --- |" * 10)
    for name in arguments.names:
        print(row(name, CASES[name], arguments.images), flush=True)


if __name__ == "__main__":
    main()
