"""Rescaling a graph so that chosen activations are divided by given factors, exactly.

One backward pass finds the factor that each layer's consumers want; one forward pass moves the factors into weights.
``factor[n]`` says: the new value of node ``n``, times the factor, is the old one; one factor for each channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from snntk_core import (
    Add,
    Array,
    AveragePool,
    Concat,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Identity,
    Input,
    MaxPool,
    Node,
    Pad,
    Reshape,
    Scale,
    Subtract,
    Transpose,
    Upsample,
    WeightedOp,
    apply,
)
from snntk_core.scaling import scale_inputs, scale_outputs
from snntk_rate.scaled_formats import divided, on_scaled_grids

SAME_CHANNELS = (AveragePool, Dropout, GlobalAveragePool, GlobalMaxPool, Identity, MaxPool, Upsample)
REORDERING = (Flatten, Reshape, Transpose)


def rescaled(graph: Graph, scales: Mapping[str, Array]) -> Graph:
    """Return the graph whose nodes in ``scales`` (positively homogeneous or clipped activations) are divided by them.

    The output is unchanged.  Scale nodes appear only where no weight can take a factor.
    """
    work = _Rescaling(graph, scales, _wanted(graph, scales))
    for node in graph:
        work.visit(node)
    nodes = list(work.nodes)
    outputs = tuple(work.unscaled(name, f"{name}_scaled_back", nodes) for name in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs).verify()


def _wanted(graph: Graph, scales: Mapping[str, Array]) -> dict[str, Array]:
    """Return, for nodes that lead to a scaled activation through sums and pooling, the factor it wants."""
    wanted: dict[str, Array] = {}
    for node in reversed(graph.nodes):
        for user in graph.users(node.name):
            factor = scales.get(user.name)
            if factor is None and user.name in wanted:
                factor = _passed_back(graph, node, user, wanted[user.name])
            if factor is not None:
                wanted[node.name] = factor
                break
    return wanted


def _passed_back(graph: Graph, node: Node, user: Node, factor: Array) -> Array | None:
    if isinstance(user.op, (*SAME_CHANNELS, Add, Subtract, Scale)):
        return factor
    if isinstance(user.op, Concat) and user.op.axis in (-1, len(graph.shapes[user.name]) - 1):
        ends = np.cumsum([graph.shapes[name][-1] for name in user.inputs])
        index = user.inputs.index(node.name)
        return factor[ends[index] - graph.shapes[node.name][-1] : ends[index]]
    return None


@dataclass
class _Rescaling:
    graph: Graph
    scales: Mapping[str, Array]
    wanted: Mapping[str, Array]
    nodes: list[Node] = field(default_factory=list)
    factor: dict[str, Array] = field(default_factory=dict)

    def visit(self, node: Node) -> None:
        """Append the node, rewritten, behind the Scale nodes it needs."""
        op, name = node.op, node.name
        channels = self.graph.shapes[name][-1]
        if name in self.scales:
            node = self._with_inputs(node, self.scales[name])
            node = divided(node, self.scales[name])
            self._append(node, self.scales[name])
        elif isinstance(op, Input):
            self._append(node, np.ones(channels))
        elif isinstance(op, WeightedOp):
            self._append_weighted(node, op)
        elif isinstance(op, Scale):
            self._append_scale(node, op)
        elif isinstance(op, Add | Subtract):
            factor = self.wanted.get(name, self.factor[node.inputs[0]])
            self._append(self._with_inputs(node, factor), factor)
        elif (factor := self._carried(node)) is not None:
            self._append(node, factor)
        else:
            self._append(self._with_inputs(node, None), np.ones(channels))

    def _append(self, node: Node, factor: Array) -> None:
        self.nodes.append(node)
        self.factor[node.name] = factor

    def _append_weighted(self, node: Node, op: WeightedOp) -> None:
        goal = self.wanted.get(node.name, np.ones(op.units))
        before = scale_inputs(op, self.factor[node.inputs[0]])
        assert before is not None, "without an offset every weighted op takes a factor"
        if (goal == 1).all() and (self.factor[node.inputs[0]] == 1).all():
            self._append(node, goal)
            return
        rescaled_op, factor = scale_outputs(before, 1 / goal), self.factor[node.inputs[0]]
        kept = on_scaled_grids(node, rescaled_op, factor, 1 / goal)
        self._append(replace(node, op=rescaled_op, formats={}) if kept is None else kept, goal)

    def _append_scale(self, node: Node, op: Scale) -> None:
        before = self.factor[node.inputs[0]]
        goal = self.wanted.get(node.name, before)
        dtype = op.factor.dtype
        offset = None if op.offset is None else (op.offset / goal).astype(dtype)
        self._append(replace(node, op=Scale((op.factor * (before / goal)).astype(dtype), offset), formats={}), goal)

    def _with_inputs(self, node: Node, factor: Array | None) -> Node:
        """Return the node with every input brought to ``factor`` (None: to no factor), by a Scale where need be."""
        inputs = []
        for index, name in enumerate(node.inputs):
            goal = np.ones_like(self.factor[name]) if factor is None else factor
            inputs.append(self._brought(name, goal, f"{node.name}_scale{index or ''}", self.nodes))
        return replace(node, inputs=tuple(inputs))

    def _brought(self, name: str, goal: Array, new: str, nodes: list[Node]) -> str:
        if np.array_equal(self.factor[name], goal):
            return name
        ratio = (self.factor[name] / goal).astype(np.float32)
        taken = {node.name for node in nodes} | {node.name for node in self.graph}
        while new in taken:
            new += "_"
        nodes.append(Node(new, Scale(ratio), (name,), origin=self.graph[name].origin))
        return new

    def unscaled(self, name: str, new: str, nodes: list[Node]) -> str:
        """Return the node that has the old value of ``name``, appended to ``nodes`` if need be."""
        return self._brought(name, np.ones_like(self.factor[name]), new, nodes)

    def _carried(self, node: Node) -> Array | None:
        """Return the factor behind an op that only routes or pools, or None if it cannot carry this one."""
        op, factors = node.op, [self.factor[name] for name in node.inputs]
        if isinstance(op, SAME_CHANNELS):
            return factors[0]
        if isinstance(op, Pad):
            plain = op.value == 0 and not any(op.amounts[-1])
            return factors[0] if plain else None
        if not isinstance(op, (*REORDERING, Concat)):
            return factors[0] if all((factor == 1).all() for factor in factors) else None
        shapes = [self.graph.shapes[name] for name in node.inputs]
        full = [np.broadcast_to(f, (1, *shape)) for f, shape in zip(factors, shapes, strict=True)]
        rows = apply(op, *full).reshape(-1, self.graph.shapes[node.name][-1])
        return np.array(rows[0]) if (rows == rows[:1]).all() else None
