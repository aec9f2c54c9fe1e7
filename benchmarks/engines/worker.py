"""The process that measures one engine: ``python -m engines.worker JOB ANSWER``, both JSON files.

Libraries print what they like; the answer goes to a file.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def memory(key: str) -> float:
    """Return ``VmRSS`` or its peak ``VmHWM`` in MB; 0 where the system does not say."""
    if not STATUS.exists():
        return 0.0
    line = next((line for line in STATUS.read_text().splitlines() if line.startswith(key)), "x 0")
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """Let the peak of memory begin anew, where the system lets a process do so."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return


def device_memory(device: str) -> float:
    """Return the peak of a GPU's memory in MB since it was last asked for, 0 on a CPU."""
    if device != "cuda":
        return 0.0
    import torch

    peak = torch.cuda.max_memory_allocated() / 2**20
    torch.cuda.reset_peak_memory_stats()
    return peak


def timed(run: Callable[[], Any], repeats: int, budget: float) -> list[float]:
    """Return the seconds of several runs; fewer where the budget of seconds is used up."""
    seconds: list[float] = []
    while len(seconds) < repeats and (len(seconds) < 3 or sum(seconds) < budget):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
        if sum(seconds) > 3 * budget:
            break
    return seconds


def measure(job: dict[str, Any], keep: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return what the job asks for: what a few samples give, and the time and memory of every point.

    ``keep`` gets what there is after every point, so that a process that is ended leaves it.
    """
    import snntk
    from engines.networks import Case, fainter
    from engines.rows import engines

    engine = engines()[job["engine"]]
    with np.load(job["inputs"]) as file:
        inputs = file["inputs"]
    whole = Case(job["network"], job["weights"], snntk.open(job["graph"]), inputs)
    device, threads = job["device"], job["threads"]
    answer: dict[str, Any] = {"points": []}
    for point in job["points"]:
        shown = fainter(whole, point["halvings"]) if point["halvings"] else whole
        batch, steps = shown.inputs[: min(point["batch"], engine.most)], point["steps"]
        begin = time.perf_counter()
        run = engine.prepare(shown.graph, device, threads, False)
        built = time.perf_counter() - begin
        forget_peak()
        device_memory(device)
        rested, first = memory("VmRSS"), run(batch, steps)
        answer.setdefault("first result at", time.time())
        seconds = timed(lambda: run(batch, steps), job["repeats"], job["budget"])  # noqa: B023
        answer["points"].append(
            {
                **point, "samples": len(batch), "median": median(seconds), "seconds": seconds, "build": built,
                "peak": memory("VmHWM"), "grown": memory("VmHWM") - rested, "device peak": device_memory(device),
                "facts": dict(first.facts),
            }
        )  # fmt: skip
        keep(answer)
    if job["check"]:
        answer["check"] = checked(engine, whole, job)
    return answer


def checked(engine, case, job: dict[str, Any]) -> dict[str, Any]:
    """Return scores and spikes of a few samples, counted outside of what is timed."""
    batch = case.inputs[: min(job["check"], engine.most)]
    got = engine.prepare(case.graph, job["device"], job["threads"], True)(batch, job["points"][0]["steps"])
    spikes = None if got.spikes is None else np.asarray(got.spikes, float).tolist()
    return {"scores": np.asarray(got.scores, float).tolist(), "spikes": spikes}


def main() -> None:
    """Do the job; what goes wrong is the answer."""
    job, answer = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    found: dict[str, Any] = {}

    def keep(measured: dict[str, Any]) -> None:
        found.update(measured)
        answer.write_text(json.dumps(found))

    try:
        keep(measure(job, keep))
    except Exception as error:
        text = " ".join(str(error).split())
        keep({"failed": f"{type(error).__name__}: {text}"[:300]})


if __name__ == "__main__":
    main()
