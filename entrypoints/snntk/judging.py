"""How good a network's outputs are on labeled data, before anything is converted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snntk.conversion import as_graph
from snntk.given import as_data, checked_top_k, installed
from snntk_core.data import Data
from snntk_core.errors import DataError
from snntk_core.graph import Graph
from snntk_core.judge import Judge, Measure
from snntk_core.ops import Array
from snntk_core.parser import Parser
from snntk_core.reference import as_batch, evaluate
from snntk_core.registry import Registry


@dataclass(frozen=True)
class Judgment:
    """``value``: the share of ``samples`` decided right, or the root mean square error; ``measure`` says which.

    A decision is right when the label is among the ``top_k`` largest outputs.
    """

    measure: Measure
    value: float
    samples: int
    top_k: int = 1


def judge(
    source_or_graph: object,
    data: Any,
    *,
    top_k: int = 1,
    parser: str | Parser | None = None,
    registry: Registry | None = None,
) -> Judgment:
    """Return how good a network is on labeled data: its accuracy, or its error where the labels are targets.

    ``source_or_graph``: a model, a saved network, or a graph; a spiking one is judged by its limit for endless steps.
    ``data``: a path, ``(x, labels)``, or `Data`.  ``top_k``: how many of the largest outputs may hold the label.
    Raises `DataError` for data without labels, and for data that does not fit; and what `parse` raises.

    >>> snntk.judge("model.onnx", (x_test, y_test), top_k=5).value
    """
    registry, top_k = registry or installed(), checked_top_k(top_k)
    graph, given = as_graph(source_or_graph, parser, registry), as_data(data)
    return judged(outputs_of(graph, given), graph, given, top_k)


def outputs_of(graph: Graph, data: Data) -> Array:
    """Return what a graph puts out for the samples, in float64 as a run does."""
    return evaluate(graph, as_batch(graph, data.x))


def judged(outputs: Array, graph: Graph, data: Data, top_k: int) -> Judgment:
    """Return how good ``outputs`` of a graph are.  Raises `DataError` for data without labels."""
    found = Judge.of(graph, data, top_k)
    value = found.judgment(outputs)
    if value is None:
        raise DataError("The data holds no labels, so there is nothing to compare the outputs with.")
    return Judgment(found.measure, value, len(outputs), top_k if found.measure == "accuracy" else 1)
