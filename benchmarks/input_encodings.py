"""What the encoding of the input costs: the accuracy of one network with a current and with spike trains.

``python benchmarks/input_encodings.py --shared FOLDER --images 2000``; the folder holds the models and MNIST.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import snntk
from snntk.given import installed
from snntk_core import Array, Graph
from snntk_core.recipe import load_recipe, read_recipe

FOLDER = Path("models/caffe/caffe-ethereon-lenet")
MODEL = (FOLDER / "deploy.prototxt", FOLDER / "lenet_iter_10000.caffemodel")
TIMES = (8, 16, 32, 64, 128)
CALIBRATION = 500
ROWS: tuple[tuple[str, float, int], ...] = (
    ("current", 1000, 1), ("regular", 1000, 1), ("regular", 250, 1), ("poisson", 1000, 3), ("poisson", 250, 3),
)  # fmt: skip
"""Encoding, rate in Hz with steps of 1 ms, and how many seeds."""


def spiking(model: Graph, samples: Array, encoding: str, rate: float, seed: int) -> Graph:
    """Return the network with its input encoded."""
    table = {"encoding": encoding, "rate": rate, "seed": seed}
    recipe = read_recipe({"input": table}, "encodings").over(load_recipe("rate", installed()))
    return snntk.convert(model, calibration=samples, recipe=replace(recipe, duration=TIMES[-1]))


def mnist(shared: Path, part: str) -> tuple[Array, Array]:
    """Return images (n, 1, 28, 28) between 0 and 1, and labels."""
    with np.load(shared / "data" / f"mnist_{part}.npz") as file:
        return (file["x"][:, None] / 255).astype(np.float32), file["y"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--images", type=int, default=2000)
    args = parser.parse_args()
    (x, y), (train, _) = mnist(args.shared, "test"), mnist(args.shared, "train")
    samples = train[np.random.default_rng(0).permutation(len(train))[:CALIBRATION]]
    x, y = x[: args.images], y[: args.images]
    model = snntk.parse([args.shared / part for part in MODEL])
    print(f"analog {(snntk.evaluate(model, x).reshape(len(x), -1).argmax(1) == y).mean():.2%} of {len(x)} images")
    print("| encoding | rate | " + " | ".join(f"T = {time}" for time in TIMES) + " | input spikes |")
    for encoding, rate, seeds in ROWS:
        found, spikes = [], 0.0
        for seed in range(seeds):
            graph = spiking(model, samples, encoding, rate, seed)
            recording = snntk.simulate(graph, x, steps=TIMES[-1], labels=y)
            found.append(recording.accuracy[np.array(TIMES) - 1])
            spikes = sum(recording.spike_counts[n].sum() for n in recording.spike_counts if n.startswith("data"))
        cells = [
            f"{100 * np.mean(column):.2f} (±{100 * np.ptp(column) / 2:.2f})" for column in zip(*found, strict=True)
        ]
        print(f"| {encoding} | {rate:g} Hz | {' | '.join(cells)} | {spikes / len(x):.0f} |", flush=True)


if __name__ == "__main__":
    main()
