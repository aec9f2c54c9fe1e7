"""The same spiking network on simulators of single neurons: accuracy beside numpy's, time, and memory.

    python benchmarks/backends.py --simulators brian2,nest [--images N] [--steps T] [--resets subtract,zero]

The network is a stranger's LeNet for MNIST, ``caffe-ethereon-lenet``, converted with the preset `rate` and 500 training
images drawn with seed 7.  It lies with the images in the folder that SNNTK_SHARED names.  Options of a simulator stand
behind its name: ``brian2:target=cython:copies=2``.  Each simulator runs in a process of its own.  Beside the time that
passed stands the time of the processor, which other programs on the machine do not change.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "end_to_end"))

import numpy as np
import strangers

import snntk
from snntk.given import installed
from snntk_core import Array, Graph
from snntk_core.errors import SnntkError
from snntk_core.recipe import load_recipe, read_recipe

LENET = "caffe-ethereon-lenet"
MODEL = ("deploy.prototxt", "lenet_iter_10000.caffemodel")
CALIBRATION = 500
REFERENCE = "numpy"
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Row:
    """What one simulator did with one network; ``refused``: why it did not.

    ``differing``: neurons whose spike count is not numpy's, of all neurons of all images.  ``build`` and
    ``first``: seconds until the network is built and until there is the first result, which may compile.  ``image`` and
    ``processor``: seconds for each image after that.  ``peak``: MB.
    """

    simulator: str
    reset: str
    refused: str = ""
    accuracy: float = 0.0
    differing: float = 0.0
    build: float = 0.0
    first: float = 0.0
    image: float = 0.0
    processor: float = 0.0
    peak: float = 0.0


def spiking(reset: str, steps: int) -> Graph:
    """Return the network with this reset."""
    files = [strangers.shared() / "models" / "caffe" / LENET / name for name in MODEL]
    samples, _ = strangers.samples(strangers.Stranger(LENET, "mnist"), "train", CALIBRATION)
    table = {"code": {"name": "rate", "reset": reset}}
    recipe = read_recipe(table, "backends").over(load_recipe("rate", installed()))
    return snntk.convert(files, calibration=samples, recipe=replace(recipe, duration=steps))


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Run a network in this process; keep its spike counts and scores in a file."""
    with np.load(job["images"]) as file:
        images = file["images"]
    graph = snntk.open(job["network"])
    simulator = installed().simulators[job["simulator"]].configure(job["options"])
    begin = time.perf_counter()
    try:
        program = simulator.compile(graph)
        built = time.perf_counter() - begin
        with program:
            program.run(images[:1], duration=job["steps"])
            first = time.perf_counter() - begin
            begun, busy = time.perf_counter(), _busy()
            recording = program.run(images, duration=job["steps"])
            passed, worked = time.perf_counter() - begun, _busy() - busy
    except SnntkError as error:
        return {"refused": str(error)}
    np.savez(job["recording"], scores=recording.scores[:, -1], **recording.spike_counts)
    each = {"image": passed / len(images), "processor": worked / len(images)}
    return {"build": built, "first": first, **each, "peak": _peak()}


def _busy() -> float:
    """Return the seconds that this process and its children have kept a processor busy."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak() -> float:
    """Return the peak of the memory of this process, or of its largest child, in MB."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def ran(folder: Path, asked: str, steps: int) -> dict[str, Any]:
    """Return what a new process measures of a simulator, ``refused`` where it fails."""
    name, *options = asked.split(":")
    job, answer = folder / "job.json", folder / "answer.json"
    job.write_text(
        json.dumps(
            {
                "network": str(folder / "network.snntk"), "images": str(folder / "images.npz"), "simulator": name,
                "options": dict(_option(text) for text in options), "steps": steps,
                "recording": str(folder / f"{asked.replace(':', '_')}.npz"),
            }
        )
    )  # fmt: skip
    command = [sys.executable, __file__, "--measure", str(job), str(answer)]
    done = subprocess.run(command, env={**os.environ, **THREADS}, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"refused": (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]}
    return json.loads(answer.read_text())


def _option(text: str) -> tuple[str, object]:
    """Return the name and value of ``name=value``; a value that is no number is a word."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def compared(folder: Path, asked: str, labels: Array, found: dict[str, Any]) -> dict[str, float]:
    """Return the accuracy of a simulator and the share of spike counts that are not numpy's."""
    if "refused" in found:
        return {}
    with np.load(folder / f"{asked.replace(':', '_')}.npz") as file, np.load(folder / f"{REFERENCE}.npz") as reference:
        accuracy = float((file["scores"].argmax(1) == labels).mean())
        wrong = sum(int((file[name] != reference[name]).sum()) for name in reference if name != "scores")
        total = sum(reference[name].size for name in reference if name != "scores")
    return {"accuracy": accuracy, "differing": wrong / total}


def rows(simulators: list[str], resets: list[str], images: int, steps: int) -> list[Row]:
    """Return a row for each simulator and reset, numpy's first, and print each as it comes."""
    x, labels = strangers.samples(strangers.Stranger(LENET, "mnist"), "test", images)
    found = []
    for reset in resets:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            snntk.save(spiking(reset, steps), folder / "network.snntk")
            np.savez(folder / "images.npz", images=x)
            for asked in (REFERENCE, *simulators):
                measured = ran(folder, asked, steps)
                row = Row(asked, reset, **measured, **compared(folder, asked, labels, measured))
                found.append(row)
                print(line(row), flush=True)
    return found


def line(row: Row) -> str:
    """Return a row of the table."""
    if row.refused:
        return f"| {row.simulator} | {row.reset} | {row.refused} |"
    cells = (
        row.simulator, row.reset, f"{100 * row.accuracy:.1f} %", f"{100 * row.differing:.3f} %", f"{row.build:.1f} s",
        f"{row.first:.1f} s", f"{1000 * row.image:.0f} ms", f"{1000 * row.processor:.0f} ms", f"{row.peak:.0f} MB",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulators", default="brian2", help="names, with commas between them")
    parser.add_argument("--resets", default="subtract,zero", help="resets of the neurons, with a comma between them")
    parser.add_argument("--images", type=int, default=200, help="test images")
    parser.add_argument("--steps", type=int, default=32, help="steps of simulation")
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        job, answer = arguments.measure
        answer.write_text(json.dumps(measure(json.loads(job.read_text()))))
        return
    print(
        "| simulator | reset | accuracy | counts unlike numpy's | built | first result | an image | processor | peak |"
    )
    print("|" + " --- |" * 9)
    found = rows(arguments.simulators.split(","), arguments.resets.split(","), arguments.images, arguments.steps)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
