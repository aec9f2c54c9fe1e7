"""A spiking graph as the chain of layers that torch and the peers have, channels first.

Only a chain of convolutions, average pooling, Dense layers and plain neurons is one; anything else is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core import (
    Array,
    AveragePool,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    Identity,
    IntegrateFire,
    Node,
    Readout,
    SpikeSource,
)
from snntk_core.shapes import resolve_padding


class NoChain(Exception):
    """The network is no chain of plain layers; the message says which node is not."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer.  ``kind``: conv, pool, flatten, dense, fire.

    ``weight``: (out, in, rows, columns) or (out, in).  ``size``: of a pool's window.
    """

    kind: str
    weight: Array | None = None
    bias: Array | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    size: tuple[int, int] = (1, 1)


def layers(graph: Graph) -> list[Layer]:
    """Return the layers of a graph; raises `NoChain` with the first node that is none."""
    found: list[Layer] = []
    for before, node in zip((None, *graph.nodes), graph.nodes, strict=False):
        if before is not None and node.inputs != (before.name,):
            raise NoChain(f"{node.name} reads something else than the layer before it")
        if not isinstance(node.op, SpikeSource | Readout | Identity):
            found.append(_layer(graph, node))
    return found


def channels_first(graph: Graph, inputs: Array) -> Array:
    """Return inputs in the model's own layout as (samples, channels, rows, columns); others as they are."""
    source = graph.nodes[0].op
    assert isinstance(source, SpikeSource)
    order = source.order or tuple(range(len(source.shape)))
    last = inputs.transpose(0, *(axis + 1 for axis in order))
    return np.ascontiguousarray(last.transpose(0, 3, 1, 2) if last.ndim == 4 else last, np.float32)


def _layer(graph: Graph, node: Node) -> Layer:
    shape = graph.shapes[node.inputs[0]]
    match node.op:
        case Conv2D() as op:
            kernel, stride, dilation = op.weight.shape[:2], op.strides or (1, 1), op.dilation or (1, 1)
            padding = _even(node, resolve_padding(op.padding, shape[:2], kernel, stride, dilation))
            return Layer("conv", op.weight.transpose(3, 2, 0, 1), op.bias, stride, padding, dilation, op.groups)
        case AveragePool() as op if len(op.kernel) == 2 and op.padding == "valid" and not op.ceil_mode:
            return Layer("pool", size=op.kernel, stride=op.strides or op.kernel)
        case Flatten():
            return Layer("flatten")
        case Dense() as op:
            return Layer("dense", _rows(graph, node, op.weight).T, op.bias)
        case IntegrateFire() as op if _plain(op):
            return Layer("fire")
    raise NoChain(f"{node.name} is a {type(node.op).__name__} that plain layers do not have")


def _plain(op: IntegrateFire) -> bool:
    ones = bool((op.threshold == 1).all() and (op.spike == 1).all() and not op.initial_potential.any())
    return ones and op.reset == "subtract" and not op.leak and not op.refractory


def _even(node: Node, pads: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    if any(before != after for before, after in pads):
        raise NoChain(f"{node.name} pads one side more than the other")
    return pads[0][0], pads[1][0]


def _rows(graph: Graph, node: Node, weight: Array) -> Array:
    """Return the rows of a Dense in the order in which a Flatten of channels first puts its inputs."""
    above = graph[node.inputs[0]]
    if not isinstance(above.op, Flatten) or len(graph.shapes[above.inputs[0]]) != 3:
        return weight
    rows, columns, channels = graph.shapes[above.inputs[0]]
    return weight.reshape(rows, columns, channels, -1).transpose(2, 0, 1, 3).reshape(weight.shape)
