"""fuse-consecutive-linear: two weighted ops with no activation between them are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snntk_core import (
    Context,
    Dense,
    Dropout,
    Flatten,
    Graph,
    Identity,
    LinearOp,
    Node,
    Preserves,
    Reshape,
    Scale,
    Stage,
    Transform,
    option,
)
from snntk_core.ops import WeightedOp
from snntk_core.shapes import size
from snntk_standard.composition import affine, as_mixing, commute, composed
from snntk_standard.paths import path_above

LARGEST_WORK = 1_000_000_000  # elements computed to find a matrix: some seconds


@dataclass(frozen=True)
class FuseConsecutiveLinear(Transform):
    """Fuse two weighted ops with no activation between them: ``W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2)``.

    A spiking network has a neuron between any two weighted ops, so this is done even where the product costs more than
    its factors, as for a low-rank pair.  Two convolutions become one with the name of the second, a depthwise and a
    pointwise one a full one; a bias that zero padding keeps from the border becomes a `Scale` with a map to add.  A
    pointwise op after averages goes before them, under the name of the first.  Anything else becomes a Dense on the
    flattened input, if its matrix is not too large.  Pairs that branch, or are too large, stay.
    """

    name: ClassVar[str] = "fuse-consecutive-linear"
    stage: ClassVar[Stage] = Stage.SIMPLIFY
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    largest_dense: int = option(4_000_000, help="Most entries of a matrix that replaces ops no single kernel can hold.")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph without such pairs."""
        while (fused := self._fuse_one(graph)) is not None:
            graph = fused
        return graph

    def _fuse_one(self, graph: Graph) -> Graph | None:
        for node in graph:
            if not isinstance(node.op, WeightedOp):
                continue
            path = path_above(graph, node.name, _carries)
            if path and isinstance(path[-1].op, WeightedOp):
                fused = _as_kernel(graph, path, node) or _as_matrix(graph, path, node, self.largest_dense)
                if fused is not None:
                    return fused
        return None


def _carries(node: Node) -> bool:
    """Whether a current passes the op: it is linear, without weights."""
    return isinstance(node.op, LinearOp | Dropout) and not isinstance(node.op, WeightedOp)


def _as_kernel(graph: Graph, path: tuple[Node, ...], second: Node) -> Graph | None:
    *between, first = path
    assert isinstance(first.op, WeightedOp)
    assert isinstance(second.op, WeightedOp)
    shapes = graph.shapes[first.inputs[0]], graph.shapes[first.name]
    if all(isinstance(node.op, Identity | Dropout) for node in between):
        found = composed(first.op, second.op, *shapes)
        if found is None:
            return None
        op, border = found
        graph = _without(graph, path).replace(second.name, op, origin=first.origin)
        if border is None:
            return graph
        shift = Scale(np.ones((), border.dtype), border)
        return graph.insert_after(second.name, graph.free_name(f"{second.name}_border"), shift)
    mix = as_mixing(second.op, graph.shapes[second.inputs[0]])
    if mix is None or not all(commute(mix, node.op, graph.shapes[node.inputs[0]]) for node in between):
        return None
    found = composed(first.op, mix, *shapes)
    if found is None:
        return None
    for node in between:  # its values change, so its formats go
        graph = graph.replace(node.name, node.op)
    return graph.replace(first.name, found[0], origin=second.origin).bypass(second.name)


def _as_matrix(graph: Graph, path: tuple[Node, ...], second: Node, largest: int) -> Graph | None:
    nodes = (*reversed(path), second)
    before, after = graph.shapes[nodes[0].inputs[0]], graph.shapes[second.name]
    work = size(before) * max(size(graph.shapes[node.name]) for node in nodes)
    if size(before) * size(after) > largest or work > LARGEST_WORK:
        return None
    dtype = np.result_type(*(node.op.arrays["weight"] for node in nodes if isinstance(node.op, WeightedOp)))
    weight, bias = affine(nodes, before)
    graph = _without(graph, path)
    origin = [layer for node in nodes for layer in node.origin]
    dense = Dense(weight.astype(dtype), bias.astype(dtype) if bias.any() else None)
    graph = graph.replace(second.name, dense, origin=origin)
    if len(before) > 1:
        graph = graph.insert_before(second.name, graph.free_name(f"{second.name}_flatten"), Flatten())
    if len(after) > 1:
        graph = graph.insert_after(second.name, graph.free_name(f"{second.name}_reshape"), Reshape(after))
    return graph


def _without(graph: Graph, path: tuple[Node, ...]) -> Graph:
    for node in path:
        graph = graph.bypass(node.name)
    return graph
