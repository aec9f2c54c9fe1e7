"""How far the demo's spiking network is from its analog one, and which error of the rate code is how large.

    python benchmarks/rate_code_errors.py        (needs onnx and onnxruntime)

Prints the tables of docs/explanation/rate-code.md, in Markdown.  Nothing is drawn at random, so there is no seed.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import as_file, files

import numpy as np

import snntk
from snntk_core import Array, Graph, IntegrateFire, SpikeSource, apply
from snntk_core.data import load_data
from snntk_core.recipe import load_recipe
from snntk_core.registry import Registry

TIMES = (1, 2, 4, 8, 16, 32, 64, 128)
REGISTRY = Registry.discover()


def recipe(**options: object) -> snntk.Recipe:
    """Return the preset ``rate`` with options of its components, as ``component__option``, with _ for each hyphen."""
    found = load_recipe("rate", REGISTRY)
    for path, value in options.items():
        component, _, option = path.partition("__")
        found = found.with_option(f"{component.replace('_', '-')}.{option}", value)
    return found


def even(graph: Graph, batch: Array, steps: int) -> Array:
    """Return the scores if every neuron received its mean current in every step: what unevenness adds is missing.

    A neuron that starts at v0 and gets the current I for T steps fires floor(T I + v0) times, at most T.
    """
    values: dict[str, Array] = {}
    for node in graph:
        inputs = [values[name] for name in node.inputs]
        if isinstance(node.op, SpikeSource):
            values[node.name] = apply(node.op, batch)
        elif isinstance(node.op, IntegrateFire):
            counts = np.floor((steps * inputs[0] + node.op.initial_potential) / node.op.threshold)
            values[node.name] = counts.clip(0, steps) * node.op.spike / steps
        else:
            values[node.name] = apply(node.op, *inputs)
    return values[graph.outputs[0]]


def deviation(scores: Array, analog: Array) -> float:
    """Return the root mean square of the difference over that of the analog scores."""
    return float(np.sqrt(((scores - analog) ** 2).sum() / (analog**2).sum()))


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table."""
    titles = list(titles)
    for row in (titles, ["--:"] * len(titles), *rows):
        print(f"| {' | '.join(row)} |")
    print()


def main() -> None:
    """Measure and print."""
    folder = files("snntk") / "demo"
    with as_file(folder / "digits.onnx") as model, as_file(folder / "digits.npz") as samples:
        data, graph = load_data(samples), snntk.parse(model)
    analog = snntk.evaluate(graph, data.x)
    kinds = [(per, initial) for per in ("channel", "layer") for initial in (0.5, 0.0)]
    accuracy, moved = {}, {}
    for kind in kinds:
        chosen = recipe(normalize_activations__per=kind[0], rate__initial=kind[1])
        spiking = snntk.convert(graph, calibration=data.calibration, recipe=chosen)
        recording = snntk.simulate(spiking, data.x, steps=TIMES[-1], labels=data.labels)
        accuracy[kind] = {t: recording.accuracy[t - 1] for t in TIMES}
        moved[kind] = {t: deviation(recording.scores[:, t - 1], analog) for t in TIMES}
    titles = [f"per {per}, {initial:g}" for per, initial in kinds]
    table(["T", *titles], ([str(t), *(f"{100 * accuracy[kind][t]:.1f} %" for kind in kinds)] for t in TIMES))
    table(["T", *titles], ([str(t), *(f"{moved[kind][t]:.3f}" for kind in kinds)] for t in TIMES))

    spiking = snntk.convert(graph, calibration=data.calibration)
    clipped = deviation(snntk.evaluate(spiking, data.x), analog)
    rows = []
    for t in TIMES:
        rows.append([str(t), f"{clipped:.4f}", f"{deviation(even(spiking, data.x, t), analog):.4f}",
                     f"{moved['channel', 0.5][t]:.4f}"])  # fmt: skip
    table(["T", "clipping", "and quantization", "and unevenness"], rows)

    rows = []
    for percentile in (100, 99.9, 99, 95, 90, 70):
        chosen = recipe(normalize_activations__percentile=percentile)
        result = snntk.run(model, data, recipe=chosen, steps=32)
        share = max(layer.saturated for layer in result.layers)
        limit = deviation(snntk.evaluate(result.graph, data.x), analog)
        reached = [result.accuracy.limit, result.accuracy.spiking[4], result.accuracy.spiking[32]]
        rows.append([f"{percentile:g}", f"{limit:.4f}", *(f"{100 * a:.1f} %" for a in reached), f"{100 * share:.1f} %",
                     result.parts_at or "none"])  # fmt: skip
    table(["percentile", "deviation of the limit", "limit", "T = 4", "T = 32", "saturated", "parts at"], rows)


if __name__ == "__main__":
    main()
