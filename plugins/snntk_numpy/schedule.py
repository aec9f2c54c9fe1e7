"""A graph made ready to be stepped: arrays cast once, and constant current told apart from current of spikes.

Ops between neurons are affine, so the current into a neuron is the current while every neuron is silent, which is the
same in every step, plus what the spikes of this step add to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snntk_core import Array, Graph, IntegrateFire, Node, Op, Pad, Scale, WeightedOp, apply
from snntk_core.currents import FLOAT, constant_currents, single_precision


@dataclass(frozen=True, eq=False)
class Schedule:
    """Nodes in the order of one step.

    ``affine``: every op, its arrays in single precision.  ``linear``: the same ops without their constant terms.
    """

    graph: Graph
    affine: Mapping[str, Op]
    linear: Mapping[str, Op]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, each after those it reads."""
        return self.graph.nodes

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of every node, without batch."""
        return self.graph.shapes

    def constant_currents(self, batch: Array) -> dict[str, Array | None]:
        """Return what each neuron node receives while all neurons are silent, see `snntk_core.currents`."""
        return constant_currents(self.graph, self.affine, batch)

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
    return Schedule(graph, affine, linear)


def _cast(op: Op, shape: tuple[int, ...]) -> Op:
    """Return ``op`` in single precision; what a neuron has for each channel is spread over its map.

    Comparing a whole map with a whole map is several times faster than with a short row of channels.
    """
    op = single_precision(op)
    arrays = dict(op.arrays)
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
