"""shift-pooled-currents: neurons where currents of any sign are pooled between two layers of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snntk_core import (
    ActivationOp,
    ClippedRelu,
    Concat,
    Context,
    Flatten,
    Graph,
    Identity,
    MaxPool,
    Pad,
    Preserves,
    QuantizedRelu,
    Relu,
    Reshape,
    Scale,
    Stage,
    Transform,
    Transpose,
    Upsample,
    WeightedOp,
)
from snntk_core.capability import Issue
from snntk_core.errors import Incompatible
from snntk_core.ops import Array
from snntk_core.reference import trace
from snntk_standard.fold_constant_scale import FoldConstantScale

ROUTES = (Concat, Flatten, Identity, MaxPool, Pad, Reshape, Transpose, Upsample)


@dataclass(frozen=True)
class ShiftPooledCurrents(Transform):
    """``max(x) = max(relu(x + c)) - c`` where a layer of weights is max-pooled and another follows with no activation.

    ``c`` per channel is what makes every maximum of the calibration samples zero or more, so on them nothing changes;
    the shift becomes part of the weights on both sides.  Networks of the first Caffe examples are built like this.
    """

    name: ClassVar[str] = "shift-pooled-currents"
    stage: ClassVar[Stage] = Stage.ADAPT
    preserves: ClassVar[Preserves] = Preserves.OUTPUT
    needs_calibration: ClassVar[bool] = True

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with a Relu before every such pooling.  Raises `Incompatible` without calibration."""
        pools = [node.name for node in graph if isinstance(node.op, MaxPool) and _between_weights(graph, node.name)]
        if not pools:
            return graph
        if context.calibration is None:
            raise Incompatible(self.name, [Issue(n, "no calibration samples are given.", "Give some.") for n in pools])
        shifts = _shifts(graph, context.calibration, pools)
        one = np.ones(())  # in double precision until the weights take it: a rounded shift would cut the lowest maximum
        for name in pools:
            raised, relu, lowered = (graph.free_name(f"{name}_{end}") for end in ("raised", "relu", "lowered"))
            graph = graph.insert_before(name, raised, Scale(one, shifts[name]))
            graph = graph.insert_after(raised, relu, Relu()).insert_after(name, lowered, Scale(one, -shifts[name]))
        return FoldConstantScale().apply(graph, context)


def _shifts(graph: Graph, calibration: Array, pools: list[str]) -> dict[str, Array]:
    """Return for each pooling and channel how far its outputs lie below zero."""
    lowest = {name: np.zeros(graph.shapes[name][-1]) for name in pools}
    for values in trace(graph, calibration, pools):
        for name, value in values.items():
            lowest[name] = np.minimum(lowest[name], value.min(axis=tuple(range(value.ndim - 1))))
    return {name: -low for name, low in lowest.items()}


def _between_weights(graph: Graph, name: str) -> bool:
    above = not _spikes(graph, name) and _meets_weights(graph, name, lambda at: graph[at].inputs)
    return above and _meets_weights(graph, name, lambda at: tuple(user.name for user in graph.users(at)))


def _spikes(graph: Graph, name: str) -> bool:
    """Whether the node only routes what activations put out."""
    node = graph[name]
    routed = isinstance(node.op, ROUTES) and all(_spikes(graph, above) for above in node.inputs)
    return routed or isinstance(node.op, Relu | ClippedRelu | QuantizedRelu)


def _meets_weights(graph: Graph, name: str, step: Callable[[str], tuple[str, ...]]) -> bool:
    """Whether a layer of weights lies that way before any activation."""
    pending, seen = list(step(name)), set()
    while pending:
        at = pending.pop()
        if isinstance(graph[at].op, WeightedOp):
            return True
        if at not in seen and not isinstance(graph[at].op, ActivationOp):
            pending += step(at)
        seen.add(at)
    return False
