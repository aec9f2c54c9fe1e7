"""A spiking graph as neurons and single synapses, for simulators that know no layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core import Array, Graph, IntegrateFire, LinearOp, Readout, SpikeSource, apply

ROWS = 256


@dataclass(frozen=True, eq=False)
class Projection:
    """What leads from one layer of neurons to the next.  ``weights``: (before, after).  ``bias``: (after,)."""

    weights: Array
    bias: Array


def currents(graph: Graph, batch: Array) -> Array:
    """Return the constant current into the first layer of neurons: (samples, units)."""
    first = next(index for index, node in enumerate(graph.nodes) if isinstance(node.op, IntegrateFire))
    value = apply(graph.nodes[0].op, batch)
    for node in graph.nodes[1:first]:
        value = apply(node.op, value)
    return value.reshape(len(batch), -1)


def projections(graph: Graph) -> list[Projection]:
    """Return what follows each layer of neurons of a chain, the readout last."""
    found, between = [], []
    before: tuple[int, ...] | None = None
    for node in graph.nodes:
        if isinstance(node.op, LinearOp):
            between.append(node.op)
        if isinstance(node.op, IntegrateFire | Readout):
            if before is not None:
                found.append(_projection(between, before))
            before, between = graph.shapes[node.name], []
        assert isinstance(node.op, LinearOp | IntegrateFire | Readout | SpikeSource)
    return found


def _projection(ops: list[LinearOp], shape: tuple[int, ...]) -> Projection:
    def through(x: Array) -> Array:
        for op in ops:
            x = apply(op, x)
        return x.reshape(len(x), -1)

    units = int(np.prod(shape))
    bias = through(np.zeros((1, *shape), np.float32))
    rows = []
    for start in range(0, units, ROWS):
        count = min(ROWS, units - start)
        single = np.zeros((count, units), np.float32)
        single[np.arange(count), start + np.arange(count)] = 1
        rows.append(through(single.reshape(count, *shape)) - bias)
    return Projection(np.concatenate(rows), bias[0])
