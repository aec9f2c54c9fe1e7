"""Which weighted ops may share a factor: one divides its output channels by it, all that read them multiply by it.

It takes that only ops with ``f(a x) = a f(x)`` for ``a > 0`` lie between, that keep the channels apart, and that nobody
else reads what is scaled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from snntk_core import (
    Array,
    AveragePool,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Identity,
    Issue,
    LeakyRelu,
    MaxPool,
    Node,
    Op,
    Pad,
    PRelu,
    Relu,
    Reshape,
    Scale,
    Transpose,
    Upsample,
    WeightedOp,
    apply,
)
from snntk_core.errors import Incompatible
from snntk_core.scaling import SCALABLE, scale_inputs, scale_outputs

HOMOGENEOUS = (
    *(Relu, LeakyRelu, PRelu, MaxPool, GlobalMaxPool, AveragePool, GlobalAveragePool, Dropout, Identity, Upsample),
)
REORDERING = (Flatten, Reshape, Transpose)


@dataclass(frozen=True, eq=False)
class Coupling:
    """A weighted op and all that its channels reach: ops in ``between`` first, then the weighted ops in ``readers``.

    Each value says, for every channel of the output of an op in ``between`` and of the input of one in ``readers``,
    which channel of ``source`` it is.
    """

    source: str
    between: Mapping[str, Array]
    readers: Mapping[str, Array]


def couplings(graph: Graph, *, reordering: bool) -> Iterator[Coupling]:
    """Yield every coupling in the order of the graph; ``reordering``: also across Flatten, Reshape and Transpose."""
    passed = (*HOMOGENEOUS, *REORDERING) if reordering else HOMOGENEOUS
    for node in graph:
        if isinstance(node.op, SCALABLE) and (found := _coupling(graph, node, passed)) is not None:
            yield found


def _coupling(graph: Graph, source: Node, passed: tuple[type[Op], ...]) -> Coupling | None:
    assert isinstance(source.op, WeightedOp)
    channels = {source.name: np.arange(source.op.units)}
    readers: dict[str, Array] = {}
    waiting = [source.name]
    while waiting:
        name = waiting.pop()
        users = graph.users(name)
        if not users or name in graph.outputs:
            return None
        for user in users:
            if isinstance(user.op, SCALABLE):
                readers[user.name] = channels[name]
                continue
            carried = _carried(graph, user, channels[name], passed)
            if carried is None:
                return None
            channels[user.name] = carried
            waiting.append(user.name)
    return Coupling(source.name, {name: index for name, index in channels.items() if name != source.name}, readers)


def _carried(graph: Graph, node: Node, channels: Array, passed: tuple[type[Op], ...]) -> Array | None:
    """Return which channel each output channel of an op holds; None where it mixes or scales them otherwise."""
    op = node.op
    if isinstance(op, Scale):
        return channels if op.offset is None else None
    if isinstance(op, Pad):
        return channels if op.value == 0 and not any(op.amounts[-1]) else None
    if not isinstance(op, passed):
        return None
    if not isinstance(op, REORDERING):
        return channels
    before = np.broadcast_to(channels, (1, *graph.shapes[node.inputs[0]]))
    rows = apply(op, before).reshape(-1, graph.shapes[node.name][-1])
    return np.asarray(rows[0]) if bool((rows == rows[:1]).all()) else None


def scaled(op: Op, factor_in: Array | None, factor_out: Array | None) -> WeightedOp:
    """Return the weighted op that reads its input divided by ``factor_in`` and puts out ``factor_out`` times as much.

    None stands for one.
    """
    assert isinstance(op, WeightedOp)
    if factor_in is not None:
        read = scale_inputs(op, 1 / factor_in)
        assert read is not None, "without an offset every weighted op takes a factor"
        op = read
    return op if factor_out is None else scale_outputs(op, factor_out)


def rescaled(graph: Graph, found: Collection[Coupling], factors: Mapping[str, Array], target: str) -> Graph:
    """Return the graph in which each source puts out ``factors[source]`` times as much, and its readers expect it.

    Raises `Incompatible`, naming ``target``, for what is quantized already: it would leave its grid.
    """
    factor_in = {name: factors[c.source][index] for c in found for name, index in c.readers.items()}
    changed = dict.fromkeys([*factors, *factor_in])
    touched = dict.fromkeys([*changed, *(name for c in found for name in c.between)])
    issues = [
        Issue(name, "it is quantized and would leave its grid.", "Equalize before quantizing.")
        for name in touched
        if graph[name].formats
    ]
    if issues:
        raise Incompatible(target, issues)
    for name in changed:
        graph = graph.replace(name, scaled(graph[name].op, factor_in.get(name), factors.get(name)))
    return graph
