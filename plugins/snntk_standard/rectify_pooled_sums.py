"""rectify-pooled-sums: neurons where sums of spikes are about to be pooled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snntk_core import (
    Add,
    AveragePool,
    ClippedRelu,
    Concat,
    Context,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Identity,
    MaxPool,
    Op,
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
)

KEEPS_SIGN = (Add, AveragePool, Concat, Flatten, GlobalAveragePool, Identity, MaxPool, Reshape, Transpose, Upsample)
ROUTES = (Concat, Flatten, Identity, MaxPool, Pad, Reshape, Transpose, Upsample)


@dataclass(frozen=True)
class RectifyPooledSums(Transform):
    """Insert ``max(x, 0)`` before max pooling of sums and means of activations, which are never negative.

    The values stay what they are; a spiking network gets neurons there, so that spikes are pooled and not currents.
    """

    name: ClassVar[str] = "rectify-pooled-sums"
    stage: ClassVar[Stage] = Stage.ADAPT
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with a Relu before every such pooling."""
        for node in graph:
            pooled = isinstance(node.op, MaxPool | GlobalMaxPool)
            if pooled and _never_negative(graph, node.inputs[0]) and not _activated(graph, node.inputs[0]):
                graph = graph.insert_before(node.name, graph.free_name(f"{node.name}_relu"), Relu())
        return graph


def _never_negative(graph: Graph, name: str) -> bool:
    node = graph[name]
    if isinstance(node.op, Relu | QuantizedRelu):
        return True
    if isinstance(node.op, ClippedRelu):
        return bool(np.all(node.op.lower >= 0) and np.all(node.op.upper >= 0))
    return bool(node.inputs) and _keeps_sign(node.op) and all(_never_negative(graph, above) for above in node.inputs)


def _keeps_sign(op: Op) -> bool:
    if isinstance(op, Scale):
        return bool(np.all(op.factor >= 0)) and (op.offset is None or bool(np.all(op.offset >= 0)))
    return isinstance(op, KEEPS_SIGN) or (isinstance(op, Pad) and op.value >= 0)


def _activated(graph: Graph, name: str) -> bool:
    """Whether the node only routes what activations put out."""
    node = graph[name]
    routed = isinstance(node.op, ROUTES) and all(_activated(graph, above) for above in node.inputs)
    return routed or isinstance(node.op, Relu | ClippedRelu | QuantizedRelu)
