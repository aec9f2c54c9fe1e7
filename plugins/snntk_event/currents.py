"""Currents as the core's ops compute them: constant ones once, and those of spikes for many steps at once.

Ops between neurons are affine, so the current into a neuron is the current while every neuron is silent, the same in
every step, plus what spikes add to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snntk_core import Array, Graph, LinearOp, Node, Op, Pad, Scale, SpikeSource, WeightedOp, apply
from snntk_core.connectivity import steady
from snntk_core.shapes import Shape

FLOAT = np.dtype(np.float32)


@dataclass(frozen=True, eq=False)
class Currents:
    """The linear ops of a graph in single precision: ``affine`` with their constant terms, ``linear`` without.

    ``silent``: the values that depend on no input, (1, *shape), while all neurons are silent.  ``received``: those of
    the neuron nodes that read them; None for nothing.
    """

    nodes: tuple[Node, ...]
    affine: Mapping[str, Op]
    linear: Mapping[str, Op]
    shapes: Mapping[str, Shape]
    steady: frozenset[str]
    silent: Mapping[str, Array]
    received: Mapping[str, Array | None]

    def constant(self, batch: Array) -> dict[str, Array | None]:
        """Return what each neuron node receives while all are silent, (1 or batch, *shape); None for nothing."""
        values, received = dict(self.silent), dict(self.received)
        for node in self.nodes:
            op = self.affine[node.name]
            if isinstance(op, SpikeSource):
                values[node.name] = np.ascontiguousarray(apply(op, batch), FLOAT)
            elif isinstance(op, LinearOp) or node.name in self.steady:
                if node.name not in values:
                    values[node.name] = np.asarray(apply(op, *_aligned([values[name] for name in node.inputs])))
            elif node.name not in received:
                current = np.ascontiguousarray(values[node.inputs[0]])
                received[node.name] = current if current.any() else None
        return received

    def driven(self, target: str, sources: Mapping[str, Array]) -> Array:
        """Return what spikes make of a linear node, without constant terms: (samples, *shape).

        ``sources``: what every spiking node that it depends on emits, (samples, *shape).
        """
        values, samples = dict(sources), len(next(iter(sources.values())))
        for node in self.between(target, frozenset(sources)):
            inputs = [
                values[name] if name in values else np.zeros((samples, *self.shapes[name]), FLOAT)
                for name in node.inputs
            ]
            values[node.name] = np.asarray(apply(self.linear[node.name], *inputs))
        return values[target]

    def sources(self, target: str, spiking: frozenset[str]) -> tuple[str, ...]:
        """Return which of the spiking nodes drive a node, in order."""
        drives: dict[str, frozenset[str]] = {}
        for node in self.nodes:
            read = frozenset().union(*(drives[name] for name in node.inputs))
            drives[node.name] = frozenset({node.name}) if node.name in spiking else read
        return tuple(node.name for node in self.nodes if node.name in drives[target])

    def adds_constants(self, target: str, sources: frozenset[str]) -> bool:
        """Whether more than the spikes of ``sources`` may reach a node: the source's current, or a constant term."""
        return any(
            self.affine[node.name] is not self.linear[node.name] or self.steady.intersection(node.inputs)
            for node in self.between(target, sources)
        )

    def between(self, target: str, sources: frozenset[str]) -> tuple[Node, ...]:
        """Return the linear nodes that lead from spiking nodes to ``target``, in order."""
        needed, found = {target} - sources, []
        for node in reversed(self.nodes):
            if node.name in needed and isinstance(node.op, LinearOp) and node.name not in self.steady:
                needed |= set(node.inputs) - sources
                found.append(node)
        return tuple(reversed(found))


def currents(graph: Graph) -> Currents:
    """Return the currents of a valid spiking graph."""
    affine = {node.name: _cast(node.op) for node in graph}
    linear = {name: _without_constants(op) for name, op in affine.items()}
    silent, received = _silent(graph, affine)
    return Currents(graph.nodes, affine, linear, graph.shapes, steady(graph), silent, received)


def _silent(graph: Graph, affine: Mapping[str, Op]) -> tuple[dict[str, Array], dict[str, Array | None]]:
    """Return the values, and what neuron nodes receive, where the input does not matter while neurons are silent."""
    values: dict[str, Array] = {}
    received: dict[str, Array | None] = {}
    constant = steady(graph)
    for node in graph:
        known = bool(node.inputs) and all(name in values for name in node.inputs)
        if isinstance(node.op, LinearOp) and known:
            values[node.name] = np.asarray(apply(affine[node.name], *(values[name] for name in node.inputs)))
        elif not isinstance(node.op, LinearOp | SpikeSource) and node.name not in constant:
            if known:
                current = np.ascontiguousarray(values[node.inputs[0]])
                received[node.name] = current if current.any() else None
            values[node.name] = np.zeros((1, *graph.shapes[node.name]), FLOAT)
    return values, received


def _aligned(arrays: list[Array]) -> list[Array]:
    batch = max(len(array) for array in arrays)
    return [array if len(array) == batch else np.broadcast_to(array, (batch, *array.shape[1:])) for array in arrays]


def _cast(op: Op) -> Op:
    return replace(op, **{name: array.astype(FLOAT) for name, array in op.arrays.items()})


def _without_constants(op: Op) -> Op:
    """Return ``op`` without its constant terms; ``op`` itself where it has none."""
    if isinstance(op, WeightedOp) and op.arrays.get("bias") is not None:
        silent: dict[str, Array | None] = {"bias": None}
        return replace(op, **silent)
    if isinstance(op, Scale) and op.offset is not None:
        return replace(op, offset=None)
    return replace(op, value=0.0) if isinstance(op, Pad) and op.value else op
