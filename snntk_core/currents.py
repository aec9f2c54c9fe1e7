"""The current that neurons receive while every neuron is silent: the same in every step of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snntk_core.connectivity import steady
from snntk_core.graph import Graph
from snntk_core.ops import Array, LinearOp, Op, SpikeSource
from snntk_core.reference import apply

FLOAT = np.dtype(np.float32)


def single_precision(op: Op) -> Op:
    """Return ``op`` with its arrays in single precision, which is what networks are run in."""
    return replace(op, **{name: array.astype(FLOAT) for name, array in op.arrays.items()})


def constant_currents(graph: Graph, ops: Mapping[str, Op], batch: Array) -> dict[str, Array | None]:
    """Return what each neuron, spiking pool and readout receives in every step whatever happens; None: nothing.

    ``ops``: the op of every node in single precision.  Ops between neurons are affine, so a current is this plus what
    the spikes of the step add.  The first axis of an array is one where the batch does not matter.
    """
    values: dict[str, Array] = {}
    received: dict[str, Array | None] = {}
    constant = steady(graph)
    for node in graph:
        op = ops[node.name]
        if isinstance(op, SpikeSource):
            values[node.name] = np.ascontiguousarray(apply(op, batch), FLOAT)
        elif isinstance(op, LinearOp) or node.name in constant:
            values[node.name] = apply(op, *_aligned([values[name] for name in node.inputs]))
        else:
            current = np.ascontiguousarray(values[node.inputs[0]])
            received[node.name] = current if current.any() else None
            values[node.name] = np.zeros((1, *graph.shapes[node.name]), FLOAT)
    return received


def _aligned(arrays: list[Array]) -> list[Array]:
    batch = max(len(array) for array in arrays)
    return [array if len(array) == batch else np.broadcast_to(array, (batch, *array.shape[1:])) for array in arrays]
