"""The functions of the facade that read, convert, run and keep a network.

Batches are arrays ``(n, *shape)`` in the model's own layout, which the graph remembers.  ``registry``: other plugins
than the installed ones.  Everything refused raises a `SnntkError`: what was found, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from snntk.conversion import Conversion
from snntk.given import (
    GraphParser,
    as_data,
    as_parser,
    as_recipe,
    as_saved,
    as_simulator,
    as_source,
    checked_graph,
    checked_steps,
    checked_top_k,
    installed,
    is_saved,
)
from snntk_core.artifact import save_graph
from snntk_core.data import Data, as_samples
from snntk_core.errors import ArtifactError, Incompatible, SnntkError, listed
from snntk_core.graph import Graph
from snntk_core.judge import Judge
from snntk_core.ops import Array
from snntk_core.parser import Parser
from snntk_core.pipeline import Progress, execute, load
from snntk_core.plan import resolve
from snntk_core.provenance import traced
from snntk_core.recipe import Recipe
from snntk_core.reference import as_batch, part_size
from snntk_core.reference import evaluate as _evaluate
from snntk_core.registry import PluginInfo, Registry
from snntk_core.result import Result
from snntk_core.simulator import Probes, Recording, Runnable, Simulator, join, runs_nothing


def parse(source: object, *, parser: str | Parser | None = None, registry: Registry | None = None) -> Graph:
    """Return a trained model as a graph, one node for each of its operations.

    ``source``: a path, a tuple of paths (such as prototxt and caffemodel), or a live model.  ``parser``: its name,
    where several can read the source.  Raises `UnreadableSource`, `ParseError` naming the place in the file, and
    `MissingLibrary` with the command to run.

    >>> graph = snntk.parse("model.onnx")
    """
    registry = registry or installed()
    return load(as_source(source), registry, as_parser(parser, registry)).graph


def evaluate(graph: Graph, batch: Array) -> Array:
    """Return the output of a graph, ``(n, *output shape)``, for a batch ``(n, *input shape)``.

    A spiking graph gives its limit for endless steps.  Raises `DataError` for a batch that does not fit.

    >>> scores = snntk.evaluate(snntk.parse("model.onnx"), batch)
    """
    return _evaluate(checked_graph(graph), as_samples(batch, "the samples"))


def convert(
    source_or_graph: object,
    *,
    calibration: Any,
    recipe: str | Path | Recipe = "rate",
    steps: int = 32,
    parser: str | Parser | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Graph:
    """Return a network as a spiking graph.

    ``calibration``: samples ``(n, *input shape)`` from the training set, never from the test set, or a path of them.
    ``recipe``: a preset's name, a TOML file, or a `Recipe`.  ``steps``: how long the network will run.
    Raises `Incompatible` with every layer that cannot be made spiking and what to do about it, `DeviationError` for a
    step that changed the network although it promised not to, and what `parse` raises.

    >>> spiking = snntk.convert("model.onnx", calibration=x_train[:500])
    """
    conversion = Conversion.of(recipe, calibration, registry or installed(), steps=steps)
    return conversion.convert(conversion.graph_of(source_or_graph, parser), progress)


def simulate(
    graph: Graph,
    batch: Array,
    *,
    steps: int,
    simulator: str | Simulator | None = None,
    labels: Array | None = None,
    top_k: int = 1,
    probes: Probes | Sequence[str] = (),
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Recording:
    """Run a spiking graph on a batch and return its recording: ``scores`` is ``(n, steps, outputs)``.

    ``simulator``: by default the preferred one; a target of quantized graphs runs these in one step.  ``labels``:
    ``(n,)`` or one-hot; with them the recording has ``accuracy``, ``(steps,)``, right being a label among the ``top_k``
    largest; with targets ``(n, outputs)`` it has ``error``, the root mean square.  ``probes``: names of nodes whose
    spike trains are wanted, or `Probes`.  Raises `Incompatible` with each node the simulator cannot take, `DataError`
    for an unfit batch, and `MissingLibrary`.

    >>> recording = snntk.simulate(spiking, batch, steps=32, labels=y)
    >>> recording.accuracy[-1]
    """
    steps, registry, graph = checked_steps(steps), registry or installed(), checked_graph(graph)
    found = as_simulator(simulator, registry)
    if not graph.spiking and found.takes == "spiking":
        raise SnntkError(f"The network is not a spiking one. {_way_to_run(graph, registry)}")
    batch = as_batch(graph, as_samples(batch, "the samples"))
    judge = Judge.of(graph, Data(batch, None if labels is None else np.asarray(labels)), checked_top_k(top_k))
    names = (probes,) if isinstance(probes, str) else probes
    wanted = names if isinstance(names, Probes) else Probes(spikes=tuple(names))
    for name in (*wanted.spikes, *wanted.potentials):
        _ = graph[name]
    if found.clock == "none":
        raise SnntkError(runs_nothing(found))
    found.require()
    issues = found.capabilities.check(graph)
    if issues:
        raise Incompatible(found.name, traced(graph, issues))
    recording = _recorded(found, graph, batch, steps, wanted, progress)
    if not judge.judges:
        return recording
    sums = judge.marks(recording.scores).sum(axis=0)
    return replace(recording, **{judge.measure: np.array([judge.judged(total, len(batch)) for total in sums])})


def _way_to_run(graph: Graph, registry: Registry) -> str:
    """Return what to do with an analog network, and which simulators take it as it is where it is quantized."""
    convert = "Convert it first: snntk.convert, or snntk convert."
    kinds = registry.simulators.items()
    names = [name for name, kind in kinds if kind.takes == "quantized" and kind.clock != "none"]
    quantized = any(node.formats for node in graph)
    return f"{convert} As it is, a quantized one runs on {listed(names)}." if quantized and names else convert


def _recorded(
    simulator: Simulator, graph: Graph, batch: Array, steps: int, probes: Probes, progress: Progress | None
) -> Recording:
    parts, size = [], part_size(graph)
    with simulator.compile(graph) as program:
        if not isinstance(program, Runnable):
            raise SnntkError(runs_nothing(simulator))
        for begin in range(0, len(batch), size):
            if progress:
                progress("Simulating", begin, len(batch))
            parts.append(program.run(batch[begin : begin + size], duration=steps, probes=probes))
    return join(parts)


def run(
    source: object,
    data: Any,
    *,
    calibration: Any = None,
    recipe: str | Path | Recipe = "rate",
    steps: int | None = None,
    simulator: str | None = None,
    parser: str | Parser | None = None,
    samples: int | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Result:
    """Convert a model, simulate it on test data, and return everything that is known about how close it stayed.

    ``data``: a path, ``(x, labels)``, samples ``(n, *input shape)`` alone, or `Data`.  ``calibration``: samples or a
    path, unless the data holds them.  ``steps`` and ``simulator``: by default what the recipe says, else 32 and the one
    that is preferred.  ``samples``: use only the first ones.  Raises what `convert` and `simulate` raise.

    >>> result = snntk.run("model.onnx", (x_test, y_test), calibration=x_train[:500])
    >>> result.accuracy.spiking[32], result.report()
    """
    registry = registry or installed()
    source = as_source(source)
    if is_saved(source):
        way = "Simulate it with snntk.simulate, or snntk simulate; if it is not spiking, convert it first."
        raise SnntkError(f"{source} is a saved network. {way}")
    given = as_data(data, calibration).limited(samples)
    chosen = as_recipe(recipe, registry, steps=steps, simulator=simulator)
    plan = resolve(chosen, registry, calibrated=given.calibration is not None)
    found = GraphParser() if isinstance(source, Graph) else as_parser(parser, registry)
    plan = plan if found is None else replace(plan, parser=found)
    return execute(plan, source, given, registry, **({"progress": progress} if progress else {}))


def plugins(*, registry: Registry | None = None) -> tuple[PluginInfo, ...]:
    """Return every installed plugin, broken ones with the reason in ``error``; none of their libraries is imported.

    >>> [plugin.name for plugin in snntk.plugins()]
    """
    return (registry or installed()).plugins


def save(graph: Graph, path: str | Path) -> Path:
    """Write a graph to one self-contained file without pickle and return its path; the folder is made if need be.

    Raises `ArtifactError` when the path is a folder or cannot be written, and `SnntkError` for anything but a graph.

    >>> snntk.save(spiking, "model.snntk")
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise ArtifactError(f"{path} is a folder; a file was expected.")
    try:
        return save_graph(checked_graph(graph), path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be written: {error.strerror or error}.") from error


def open(path: str | Path, *, registry: Registry | None = None) -> Graph:
    """Read a graph that `save` wrote.

    Raises `ArtifactError` for a file that is missing, damaged, hostile, or of a later version.

    >>> spiking = snntk.open("model.snntk")
    """
    return as_saved(path, registry or installed())
