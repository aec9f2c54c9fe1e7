"""One process for each engine, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import snntk
from engines.networks import Case
from engines.rows.protocol import Engine

THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Point:
    """One thing to measure: samples at once, steps, and how often inputs and biases are halved."""

    batch: int
    steps: int
    halvings: int = 0


@dataclass(frozen=True)
class Effort:
    """How long to measure: runs, seconds for the runs of one point, seconds until a process is ended."""

    repeats: int = 5
    budget: float = 20.0
    timeout: float = 1800.0


def run(
    engine: Engine, case: Case, points: list[Point], threads: int, device: str, effort: Effort, check: int = 0
) -> dict[str, Any]:
    """Return what a new process measures of an engine; ``failed`` says why there is not all of it."""
    with tempfile.TemporaryDirectory() as folder:
        job, answer, log = (Path(folder) / name for name in ("job.json", "answer.json", "log.txt"))
        np.savez(Path(folder) / "inputs.npz", inputs=case.inputs)
        saved = snntk.save(case.graph, Path(folder) / "network.snntk")
        job.write_text(
            json.dumps(
                {
                    "engine": engine.title, "network": case.name, "weights": case.weights, "graph": str(saved),
                    "inputs": f"{folder}/inputs.npz", "points": [vars(point) for point in points],
                    "threads": threads, "device": device, "check": check, "repeats": effort.repeats,
                    "budget": effort.budget,
                }
            )
        )  # fmt: skip
        begin = time.time()
        try:
            with log.open("w") as output:
                done = subprocess.run(
                    [sys.executable, "-m", "engines.worker", str(job), str(answer)],
                    cwd=ROOT, env=_environment(threads), stdout=output, stderr=output, timeout=effort.timeout,
                    check=False,
                )  # fmt: skip
            lines = log.read_text(errors="replace").strip().splitlines()
            ended = f"ended with {done.returncode}: {lines[-1] if lines else ''}"[:300] if done.returncode else None
        except subprocess.TimeoutExpired:
            ended = f"not done after {effort.timeout:.0f} s"
        found: dict[str, Any] = json.loads(answer.read_text()) if answer.exists() else {}
    if ended is not None:
        found["failed"] = ended
    if "first result at" in found:
        found["start to first result"] = found.pop("first result at") - begin
    return found


def _environment(threads: int) -> dict[str, str]:
    """Return the environment of a process: this one's, with its number of threads.

    It finds the modules in its folder; a path variable would put them before those of Python.
    """
    return {**os.environ, **dict.fromkeys(THREADS, str(threads)), "PYTHONWARNINGS": "ignore"}
