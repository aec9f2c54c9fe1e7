"""The options, and the order of things: the engines there are, their tables, the tables against one thing."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from engines.chain import NoChain, layers
from engines.comparison import agreement
from engines.networks import BUILT, WEIGHTS, Case, case, reset_to_zero
from engines.processes import Effort, Point, run
from engines.rows import engines
from engines.rows.protocol import Engine
from engines.tables import engine_table, sweep_table
from snntk_core import IntegrateFire
from snntk_core.shapes import size

REFERENCE = "snntk numpy"
SWEPT = ("torch loop", "torch time-batched", "snntk event", "snntk torch")
PACKAGES = (
    "snntk", "numpy", "numba", "torch", "triton", "spikingjelly", "sinabs", "snntorch", "norse", "nest-simulator",
    "Brian2",
)  # fmt: skip
WIDTH = 140  # of what is printed into a file
DESCRIPTION = "Side-by-side runs of one spiking network in many engines: same weights, same inputs, outputs compared."
CHECKED = 4  # samples whose outputs are compared


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"{', '.join(BUILT)}, demo, or model files")
    parser.add_argument("--inputs", type=Path, metavar="FILE", help="samples, .npy; by default made from a seed")
    parser.add_argument("--weights", nargs="+", choices=WEIGHTS, default=list(WEIGHTS), help="weights to run with")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 100], help="samples at once")
    parser.add_argument("--steps", type=int, default=32, help="steps of a run")
    parser.add_argument(
        "--rate", type=_rate, metavar="SHARE", help="spikes of a neuron in a step that are reached"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of every engine")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute")
    parser.add_argument("--engines", nargs="+", metavar="TEXT", default=[], help="only engines whose title holds one")
    parser.add_argument("--sweeps", nargs="*", choices=("T", "batch", "rate", "threads"), help="only these; none: no")
    parser.add_argument("--no-engines", action="store_true", help="no tables of engines, the sweeps alone")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each point, the median of which is shown")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds for the runs of one point, about")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds until a process is given up")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything measured here")
    parser.add_argument("--quick", action="store_true", help="few steps, samples and runs: shows that all works")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.networks, chosen.weights = chosen.networks or ["lenet", "mlp"], chosen.weights[:1]
        chosen.batches, chosen.steps, chosen.repeats, chosen.budget = [1, 4], 8, 1, 1.0
    chosen.networks = chosen.networks or list(BUILT)
    return chosen


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1:
        raise argparse.ArgumentTypeError(f"a share above 0 and up to 1 is needed, got {text}")
    return rate


def main() -> None:
    """Run everything that was asked for and show it."""
    asked, console = options(), Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    effort = Effort(asked.repeats, asked.budget, asked.timeout)
    report: dict[str, Any] = {
        "machine": machine(),
        "asked": {**vars(asked), "json": str(asked.json), "inputs": str(asked.inputs)},
    }
    console.print(f"{report['machine']['processor']}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    found = chosen_engines(asked, console)
    report["engines"], report["sweeps"] = [], []
    given = None if asked.inputs is None else np.load(asked.inputs)
    for network in asked.networks:
        for weights in asked.weights:
            most = max(*asked.batches, 256 if not asked.quick else 8)
            shown = case(network, weights, most, given, asked.rate, asked.steps)
            if not asked.no_engines:
                report["engines"].append(compare(console, shown, found, asked, effort))
                written(asked.json, report)
            if asked.sweeps is None or asked.sweeps:
                report["sweeps"] += sweep(console, shown, found, asked, effort)
                written(asked.json, report)


def chosen_engines(asked: argparse.Namespace, console: Console) -> dict[str, Engine]:
    """Return the engines that were asked for and are installed; says which are left out."""
    found = {}
    for title, engine in engines().items():
        if asked.engines and not any(text in title for text in asked.engines):
            continue
        missing = engine.missing()
        if missing:
            console.print(f"{title} is left out: {', '.join(missing)} is not installed.", style="dim")
        elif asked.device not in engine.devices:
            console.print(f"{title} is left out: it does not run on {asked.device}.", style="dim")
        else:
            found[title] = engine
    return found


def compare(
    console: Console, shown: Case, found: dict[str, Engine], asked: argparse.Namespace, effort: Effort
) -> dict[str, Any]:
    """Measure every engine on one network, print a table for each batch, and return all of it."""
    points = [Point(batch, asked.steps) for batch in asked.batches]
    expected = {zero: reference(shown, asked, zero) for zero in {engine.resets_to_zero for engine in found.values()}}
    rows: dict[str, dict[str, Any]] = {}
    for title, engine in found.items():
        why = unfit(engine, shown)
        if why is not None:
            rows[title] = {"failed": why}
            continue
        with console.status(f"{shown.name}, {shown.weights}: {title}"):
            row = run(engine, shown, points, asked.threads, asked.device, effort, CHECKED)
        check, zero = row.pop("check", None), engine.resets_to_zero
        row["agreement"] = agreement(check, expected[zero]) if getattr(engine, "fires", True) else {"same": "no spikes"}
        if zero:
            row["agreement"]["same"] += " (reset to zero)"
        rows[title] = row
    where = "on a GPU" if asked.device == "cuda" else f"threads {asked.threads}"
    fired = firing_rate(shown, expected.get(False), asked.steps)
    rate = "firing rate not known" if fired is None else f"firing rate {100 * fired:.1f} %"
    for index, point in enumerate(points):
        title = f"{shown.name}, {shown.weights} weights, T = {point.steps}, batch {point.batch}, {where}, {rate}"
        engine_table(console, title, rows, index)
    return {"network": shown.name, "weights": shown.weights, "steps": asked.steps, "rows": rows}


def firing_rate(shown: Case, found: dict[str, Any] | None, steps: int) -> float | None:
    """Return the spikes of the reference per neuron and step; None where it did not run."""
    if not found or not found["spikes"]:
        return None
    counts = np.array(found["spikes"])
    neurons = sum(size(shown.graph.shapes[node.name]) for node in shown.graph if isinstance(node.op, IntegrateFire))
    return float(counts.sum() / (counts.shape[1] * neurons * steps))


def unfit(engine: Engine, shown: Case) -> str | None:
    """Return why an engine does not run a network, or None."""
    if engine.only and shown.name not in engine.only:
        return f"is for {', '.join(engine.only)} alone"
    if engine.title.startswith("snntk"):
        return None
    try:
        layers(shown.graph)
    except NoChain as reason:
        return str(reason)
    return None


def reference(shown: Case, asked: argparse.Namespace, zero: bool) -> dict[str, Any] | None:
    """Return what the reference gives for the first samples, with reset by subtraction or to zero."""
    graph = reset_to_zero(shown.graph) if zero else shown.graph
    case_ = Case(shown.name, shown.weights, graph, shown.inputs)
    found = run(engines()[REFERENCE], case_, [Point(1, asked.steps)], 1, "cpu", Effort(1, 0.0), CHECKED)
    return found.get("check")


def sweep(
    console: Console, shown: Case, found: dict[str, Engine], asked: argparse.Namespace, effort: Effort
) -> list[dict[str, Any]]:
    """Measure a few engines against steps, samples, firing rate and threads, print tables, and return all of it."""
    most, steps = (4, 4) if asked.quick else (100, 32)
    cores = [count for count in (1, 2, 4, 8, 16, 32) if count <= (os.cpu_count() or 1)]
    plans: dict[str, tuple[list[Any], list[Point]]] = {
        "T": ([4, 8] if asked.quick else [4, 8, 16, 32, 64, 128, 256], []),
        "batch": ([1, 4] if asked.quick else [1, 4, 16, 64, 100, 256], []),
        "rate": ([0, 1] if asked.quick else [0, 1, 2, 3, 4], []),
    }
    made = {
        "T": [Point(most, value) for value in plans["T"][0]],
        "batch": [Point(value, steps) for value in plans["batch"][0]],
        "rate": [Point(most, steps, value) for value in plans["rate"][0]],
    }
    measured = []
    swept = [engine for title, engine in found.items() if title in SWEPT and unfit(engine, shown) is None]
    for what in asked.sweeps if asked.sweeps is not None else ("T", "batch", "rate", "threads"):
        rows = {}
        for engine in swept:
            with console.status(f"{shown.name}, {shown.weights}, {what}: {engine.title}"):
                if what == "threads":
                    rows[engine.title] = _by_threads(engine, shown, cores, Point(most, steps), asked, effort)
                else:
                    rows[engine.title] = run(engine, shown, made[what], asked.threads, asked.device, effort)
        values = cores if what == "threads" else plans[what][0]
        words = [f"1/{2**value}" for value in values] if what == "rate" else values
        sweep_table(console, f"{shown.name}, {shown.weights} weights, against {what}", what, rows, words)
        subject = {"network": shown.name, "weights": shown.weights, "against": what}
        measured.append({**subject, "values": values, "rows": rows})
    return measured


def _by_threads(
    engine: Engine, shown: Case, cores: list[int], point: Point, asked: argparse.Namespace, effort: Effort
) -> dict[str, Any]:
    runs = [run(engine, shown, [point], count, asked.device, effort) for count in cores]
    failed = next((found["failed"] for found in runs if "failed" in found), None)
    return {"failed": failed} if failed else {"points": [found["points"][0] for found in runs]}


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    return {
        "processor": model, "cores": os.cpu_count(), "load": os.getloadavg(), "system": platform.platform(),
        "python": sys.version.split()[0], "packages": {name: _version(name) for name in PACKAGES},
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }  # fmt: skip


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def written(path: Path | None, report: dict[str, Any]) -> None:
    """Write what is measured so far, so that a run that is ended leaves it."""
    if path is not None:
        path.write_text(json.dumps(report, indent=1))
