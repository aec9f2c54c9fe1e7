"""True fan-out, fan-in and operation counts: synapses are counted from structure, with real borders."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from snntk_core.errors import GraphError
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import (
    Array,
    BatchNorm,
    Dropout,
    GlobalMaxPool,
    IntegrateFire,
    LinearOp,
    MaxPool,
    PoissonSpikes,
    Scale,
    SpikingMaxPool,
    WeightedOp,
)
from snntk_core.reach import Reach, UnfactoredError
from snntk_core.reach_rules import ONE_TO_ONE, reach_through
from snntk_core.reference.dispatch import apply
from snntk_core.shapes import Shape, size
from snntk_core.validity import steady_nodes

ROWS = 64  # samples counted at once, as floats: exact, and a fast product without a second copy of all counts
MOST_BUNDLES = 1024  # sets of paths that reach different units of one node
MOST_PATHS = 1 << 31

Step = tuple[Node, int]
"""A node on a path, and which of its inputs the path enters by."""


def fan_out(graph: Graph, name: str) -> Array:
    """Return how many synapses one spike of each unit drives, in the shape of the node's output.

    Counted are the target units reached over every path of linear ops that begins here and ends in the next neuron,
    spiking pool or readout; in an analog graph in the next nonlinear op or output.  Pooling, padding, reshaping and
    adding are part of the synapse.  Parallel paths count separately; a shortcut is one synapse to each target.
    Raises `UnknownName` for a name that is no node, `GraphError` where there are more paths than can be counted.
    """
    total = np.zeros(graph.shapes[graph[name].name], np.int64)
    for bundle in _targets(graph, name):
        total += bundle.count * _reached(graph, graph.shapes[name], bundle)
    return total


def fan_in(graph: Graph, name: str) -> Array:
    """Return how many synapses each output unit of a weighted op has, in the shape of its output; padding has none.

    Raises `UnknownName` for a name that is no node, and `GraphError` for an op without weights.
    """
    node = graph[name]
    if not isinstance(node.op, WeightedOp):
        raise GraphError([f"{name} is a {type(node.op).__name__}, which has no synapses"])
    shape = graph.shapes[node.inputs[0]]
    try:
        return reach_through(node.op, Reach.start(shape), 0, (shape,)).incoming()
    except UnfactoredError:
        return sum(_probed(graph, shape, [(node, 0)]), np.zeros(graph.shapes[name], np.int64))


def multiply_accumulates(graph: Graph) -> dict[str, int]:
    """Return the multiply-accumulates of every weighted op for one sample; products with padding are not counted."""
    return {node.name: int(fan_in(graph, node.name).sum()) for node in graph if isinstance(node.op, WeightedOp)}


def source_multiply_accumulates(graph: Graph) -> int:
    """Return the multiply-accumulates between the source and the first neurons: what an analog input costs once."""
    current = set(steady(graph))
    for node in graph:
        if isinstance(node.op, LinearOp) and current.intersection(node.inputs):
            current.add(node.name)
    return sum(count for name, count in multiply_accumulates(graph).items() if name in current)


def steady(graph: Graph) -> frozenset[str]:
    """Return the nodes whose value is the same in every step: the source, and what depends on nothing else."""
    return steady_nodes(graph)


def spiking_nodes(graph: Graph) -> tuple[str, ...]:
    """Return the nodes that emit spikes: neurons, random spikes, and pools of spikes."""
    constant = steady(graph)
    emitting = IntegrateFire | PoissonSpikes | SpikingMaxPool
    return tuple(node.name for node in graph if isinstance(node.op, emitting) and node.name not in constant)


def synapses(graph: Graph) -> dict[str, Array]:
    """Return the `fan_out` of every spiking node, flat and in float64, ready for a product with counts."""
    return {name: fan_out(graph, name).reshape(-1).astype(np.float64) for name in spiking_nodes(graph)}


def synaptic_operations(
    graph: Graph, spike_counts: Mapping[str, Array], driven: Mapping[str, Array] | None = None
) -> Array:
    """Return ``sum over spiking nodes of counts @ fan_out`` for every sample: (batch,).

    ``spike_counts``: (batch, units) for every spiking node.  ``driven``: `synapses` of the graph, if they are at hand.
    The current of the source is not spikes: what that costs is `source_multiply_accumulates`.  Raises `GraphError` for
    a spiking node without counts.
    """
    missing = [f"the spiking node {n} has no spike counts" for n in spiking_nodes(graph) if n not in spike_counts]
    if missing:
        raise GraphError(missing)
    total = np.zeros(len(next(iter(spike_counts.values()), ())), np.float64)
    for name, count in (synapses(graph) if driven is None else driven).items():
        counts = spike_counts[name]
        for start in range(0, len(total), ROWS):
            total[start : start + ROWS] += counts[start : start + ROWS].astype(np.float64) @ count
    return total.astype(np.int64)


def _passes(node: Node) -> bool:
    return isinstance(node.op, LinearOp | BatchNorm | Dropout)


@dataclass(frozen=True, eq=False)
class _Bundle:
    """Paths that reach the same units of a node: how many there are, the steps of one, and its reach if factored."""

    count: int
    steps: tuple[Step, ...]
    reach: Reach | None

    def through(self, graph: Graph, node: Node, position: int) -> _Bundle:
        """Return the paths one step longer."""
        reach, steps = None, (*self.steps, (node, position))
        if self.reach is not None:
            with suppress(UnfactoredError):
                reach = reach_through(node.op, self.reach, position, tuple(graph.shapes[i] for i in node.inputs))
        return _Bundle(self.count, steps, reach)

    def key(self) -> Hashable:
        """Return what paths that reach the same units have in common."""
        if self.reach is not None:
            return self.reach.key()
        return tuple((node.name, position) for node, position in self.steps if not isinstance(node.op, ONE_TO_ONE))


def _targets(graph: Graph, name: str) -> Iterator[_Bundle]:
    """Yield the paths from ``name`` to each target, or to each linear op that is an output, in bundles.

    Paths that part and meet again are followed on as one wherever they reach the same units, so their number may grow
    exponentially with the network and the work does not.
    """
    arrived = {name: [_Bundle(1, (), Reach.start(graph.shapes[name]))]}
    for node in graph:
        longer = [
            bundle.through(graph, node, position)
            for position, read in enumerate(node.inputs)
            for bundle in arrived.get(read, ())
        ]
        bundles = _merged(longer)
        if len(bundles) > MOST_BUNDLES or any(bundle.count > MOST_PATHS for bundle in bundles):
            raise GraphError([f"too many paths lead from {name} to {node.name} to count its synapses"])
        if not _passes(node) or node.name in graph.outputs:
            yield from bundles
        if bundles and _passes(node):
            arrived[node.name] = bundles


def _merged(bundles: list[_Bundle]) -> list[_Bundle]:
    if len(bundles) < 2:
        return bundles
    found: dict[Hashable, _Bundle] = {}
    for bundle in bundles:
        key = bundle.key()
        found[key] = replace(bundle, count=bundle.count + (found[key].count if key in found else 0))
    return list(found.values())


def _reached(graph: Graph, shape: Shape, bundle: _Bundle) -> Array:
    """Return how many units each unit of ``shape`` reaches over one path of a bundle."""
    if bundle.reach is not None:
        return bundle.reach.outgoing(shape)
    return np.array([reached.sum() for reached in _probed(graph, shape, bundle.steps)], np.int64).reshape(shape)


def _probed(graph: Graph, shape: Shape, path: Sequence[Step]) -> Iterator[Array]:
    """Yield for every unit of ``shape`` which units it reaches, by pushing one at a time through weights of one.

    This serves the ops of plugins, and reshapes that cut across what an op before them has reached.
    """
    for unit in range(size(shape)):
        reached = np.zeros((1, size(shape)), np.float32)
        reached[0, unit] = 1
        reached = reached.reshape(1, *shape)
        for node, position in path:
            reached = _touched(graph, node, position, reached)
        yield reached[0] != 0


def _touched(graph: Graph, node: Node, position: int, reached: Array) -> Array:
    op = node.op
    pools = isinstance(op, SpikingMaxPool | MaxPool | GlobalMaxPool)
    if isinstance(op, Scale | BatchNorm) or not (_passes(node) or pools):
        return reached
    if isinstance(op, WeightedOp):
        ones: dict[str, Array | None] = {"weight": np.ones_like(op.arrays["weight"]), "bias": None}
        op = replace(op, **ones)
    silent = [np.zeros((len(reached), *graph.shapes[read]), np.float32) for read in node.inputs]
    driven = [reached if at == position else zeros for at, zeros in enumerate(silent)]
    return np.asarray(apply(op, *driven) != apply(op, *silent), np.float32)
