"""A graph made ready to be stepped: arrays cast once, and constant current told apart from current of spikes.

Ops between neurons are affine, so the current into a neuron is the current while every neuron is silent, which is the
same in every step, plus what the spikes of this step add to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snntk_core import Array, Graph, IntegrateFire, LinearOp, Node, Op, Pad, Scale, SpikeSource, WeightedOp, apply
from snntk_core.connectivity import steady

FLOAT = np.dtype(np.float32)


@dataclass(frozen=True, eq=False)
class Schedule:
    """Nodes in the order of one step.

    ``affine``: every op, its arrays in single precision.  ``linear``: the same ops without their constant terms.
    ``shapes``: of every node, without batch.  ``steady``: nodes that no spike changes.
    """

    nodes: tuple[Node, ...]
    affine: Mapping[str, Op]
    linear: Mapping[str, Op]
    shapes: Mapping[str, tuple[int, ...]]
    steady: frozenset[str]

    def constant_currents(self, batch: Array) -> dict[str, Array | None]:
        """Return what each neuron node receives while all neurons are silent; None where that is nothing.

        The first axis is one where the batch does not matter.
        """
        values: dict[str, Array] = {}
        received: dict[str, Array | None] = {}
        for node in self.nodes:
            op = self.affine[node.name]
            if isinstance(op, SpikeSource):
                values[node.name] = np.ascontiguousarray(apply(op, batch), FLOAT)
            elif isinstance(op, LinearOp) or node.name in self.steady:
                values[node.name] = apply(op, *_aligned([values[name] for name in node.inputs]))
            else:
                current = np.ascontiguousarray(values[node.inputs[0]])
                received[node.name] = current if current.any() else None
                values[node.name] = np.zeros((1, *self.shapes[node.name]), FLOAT)
        return received

    def driven(self, node: Node, values: Mapping[str, Array | None]) -> Array | None:
        """Return what the spikes in ``values`` make of a linear node, without constant terms; None: nothing at all."""
        inputs = [values[name] for name in node.inputs]
        batch = next((len(value) for value in inputs if value is not None), 0)
        if not batch:
            return None
        shapes = [(batch, *self.shapes[name]) for name in node.inputs]
        filled = (np.zeros(s, FLOAT) if value is None else value for value, s in zip(inputs, shapes, strict=True))
        return apply(self.linear[node.name], *filled)


def schedule(graph: Graph) -> Schedule:
    """Return the schedule of a valid spiking graph."""
    shapes = graph.shapes
    affine = {node.name: _cast(node.op, shapes[node.name]) for node in graph}
    linear = {name: _without_constants(op) for name, op in affine.items()}
    return Schedule(graph.nodes, affine, linear, shapes, steady(graph))


def _aligned(arrays: list[Array]) -> list[Array]:
    batch = max(len(array) for array in arrays)
    return [array if len(array) == batch else np.broadcast_to(array, (batch, *array.shape[1:])) for array in arrays]


def _cast(op: Op, shape: tuple[int, ...]) -> Op:
    """Return ``op`` in single precision; what a neuron has for each channel is spread over its map.

    Comparing a whole map with a whole map is several times faster than with a short row of channels.
    """
    arrays = {name: array.astype(FLOAT) for name, array in op.arrays.items()}
    if isinstance(op, IntegrateFire):
        arrays = {name: array if array.size == 1 else np.broadcast_to(array, shape) for name, array in arrays.items()}
    return replace(op, **arrays)


def _without_constants(op: Op) -> Op:
    if isinstance(op, WeightedOp):
        silent: dict[str, Array | None] = {"bias": None}
        return replace(op, **silent)
    if isinstance(op, Scale):
        return replace(op, offset=None)
    return replace(op, value=0.0) if isinstance(op, Pad) else op
