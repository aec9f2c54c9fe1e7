"""A spiking graph as populations of units and single synapses, for simulators that know no layers.

Linear ops between neurons become part of the synapses: a pool, a convolution and a shortcut between two populations are
one list.  What constants and the analog input contribute is the same in every step, so it is a constant current.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from snntk_core.capability import Issue
from snntk_core.connectivity import steady
from snntk_core.currents import constant_currents, single_precision
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import (
    Array,
    Concat,
    Flatten,
    Identity,
    IntegrateFire,
    LinearOp,
    Op,
    PoissonSpikes,
    Readout,
    Reshape,
    Scale,
    SpikeSource,
    SpikingMaxPool,
    Transpose,
)
from snntk_core.ops.base import read_only
from snntk_core.shapes import Shape, size
from snntk_core.unrolled.linear_maps import synapses_of, windows_of
from snntk_core.unrolled.synapse_list import SynapseList, together

NONE = read_only(np.zeros(0))
UNIT_BY_UNIT = Identity | Scale | Transpose | Flatten | Reshape
"""The ops without synapses between an input and the neurons that encode it."""


@dataclass(frozen=True, eq=False)
class Population:
    """The units of one node of neurons, random spikes, spiking pools or readouts.

    ``inputs``: how many units synapses reach; they differ from ``units`` for a pool; those of spikes that are
    `given` have no synapses.  ``depth``: how many populations spikes pass on the longest way here; 0 for one that
    only the input drives.  ``spike`` (units,): what one spike carries, which is in the weights of the projections from
    here; 0 for a readout.  ``threshold`` and ``initial_potential`` (units,): of `IntegrateFire` only.  ``windows``
    (units, taps): the inputs of which a pool takes the largest, -1 beyond the border.
    """

    name: str
    op: IntegrateFire | PoissonSpikes | SpikingMaxPool | Readout
    inputs: int
    units: int
    depth: int
    spike: Array
    threshold: Array = field(default_factory=lambda: NONE)
    initial_potential: Array = field(default_factory=lambda: NONE)
    windows: Array = field(default_factory=lambda: NONE)


@dataclass(frozen=True, eq=False)
class Projection:
    """The synapses from one population to another: ``I[after] += weight`` when unit ``before`` spikes.

    ``before`` and ``after``: int32, ordered by ``before``.  ``weight``: float64; what a spike carries is in it.
    """

    source: str
    target: str
    before: Array
    after: Array
    weight: Array


@dataclass(frozen=True, eq=False)
class Unrolled:
    """A spiking network without layers.  ``populations``: in the order of a step, each after those that drive it."""

    graph: Graph
    ops: Mapping[str, Op]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]

    def __getitem__(self, name: str) -> Population:
        return next(population for population in self.populations if population.name == name)

    def into(self, name: str) -> tuple[Projection, ...]:
        """Return the projections that end in a population."""
        return tuple(projection for projection in self.projections if projection.target == name)

    def currents(self, batch: Array) -> dict[str, Array]:
        """Return the constant current into every population for each sample: (batch, inputs), float32.

        ``batch``: in the order of the graph's input, see `as_batch`.
        """
        received = constant_currents(self.graph, self.ops, batch)
        found = {}
        for population in self.populations:
            current = received[population.name]
            flat = np.zeros((1, population.inputs), np.float32) if current is None else current
            found[population.name] = np.broadcast_to(flat.reshape(len(flat), -1), (len(batch), population.inputs))
        return found


def unroll(graph: Graph) -> Unrolled:
    """Return a valid spiking graph as populations and single synapses.

    Time and memory grow with the number of synapses: 1.2 million take a second and 100 MB.
    """
    ops = {node.name: single_precision(node.op) for node in graph}
    constant = steady(graph)
    driven: dict[str, dict[str, SynapseList]] = {}  # what each origin's spikes add to the value of a node
    populations: list[Population] = []
    projections: list[Projection] = []
    depths: dict[str, int] = {}
    for node in graph:
        op, shapes = ops[node.name], tuple(graph.shapes[name] for name in node.inputs)
        if isinstance(op, LinearOp):
            driven[node.name] = _through(op, shapes, [driven.get(name, {}) for name in node.inputs])
            continue
        if node.name in constant or not isinstance(op, IntegrateFire | PoissonSpikes | SpikingMaxPool | Readout):
            continue
        arrived = {origin: synapses.merged() for origin, synapses in driven.get(node.inputs[0], {}).items()}
        depths[node.name] = max((depths[origin] + 1 for origin in arrived), default=0)
        found = _population(node.name, op, graph.shapes[node.name], shapes[0], arrived, depths[node.name])
        populations.append(found)
        projections += [_projection(origin, node.name, synapses) for origin, synapses in arrived.items()]
        driven[node.name] = {node.name: SynapseList.each_its_own(found.spike)}
    return Unrolled(graph, ops, tuple(populations), tuple(projections))


def _through(op: LinearOp, shapes: tuple[Shape, ...], inputs: list[dict[str, SynapseList]]) -> dict[str, SynapseList]:
    """Return what each origin's spikes add to the output of a linear op."""
    parts: dict[str, list[SynapseList]] = {}
    for position, origins in enumerate(inputs):
        synapses = synapses_of(op, position, shapes) if origins else None
        for origin, before in origins.items():
            assert synapses is not None
            parts.setdefault(origin, []).append(before.then(synapses))
    return {origin: together(found) for origin, found in parts.items()}


def _population(
    name: str,
    op: IntegrateFire | PoissonSpikes | SpikingMaxPool | Readout,
    shape: Shape,
    before: Shape,
    arrived: Mapping[str, SynapseList],
    depth: int,
) -> Population:
    units, inputs = size(shape), size(before)
    if isinstance(op, IntegrateFire):
        values = (op.spike, op.threshold, op.initial_potential)
        spike, threshold, initial = (np.broadcast_to(v, shape).reshape(-1).astype(np.float64) for v in values)
        return Population(name, op, inputs, units, depth, spike, threshold, initial)
    if isinstance(op, Readout):
        return Population(name, op, inputs, units, depth, np.zeros(units))
    if isinstance(op, PoissonSpikes):
        return Population(name, op, inputs, units, depth, np.broadcast_to(op.spike, shape).reshape(-1).astype(float))
    strides = op.strides or op.kernel
    taps = windows_of(before, op.kernel, strides, op.padding, op.dilation, op.infer(before)[:-1])
    windows = taps.transpose(0, 2, 1).reshape(units, -1) - 1
    carried = np.zeros(inputs + 1)  # the last one is what lies beyond the border
    for synapses in arrived.values():
        np.add.at(carried, synapses.after, synapses.weight)
    return Population(name, op, inputs, units, depth, carried[windows].max(axis=1), windows=windows)


def _projection(source: str, target: str, synapses: SynapseList) -> Projection:
    before, after = (array.astype(np.int32) for array in (synapses.before, synapses.after))
    return Projection(source, target, before, after, synapses.weight)


def given(graph: Graph, name: str) -> bool:
    """Whether the host knows the spikes of a node before a run: random spikes, and neurons that encode the input.

    Such a neuron stands behind the source with no synapse between them.  A simulator may play what `given_train` says
    in place of neurons of its own, which need not be able to do what these do.
    """
    node = graph[name]
    if not isinstance(node.op, IntegrateFire):
        return isinstance(node.op, PoissonSpikes)
    while node.inputs:
        node = graph[node.inputs[0]]
        if not isinstance(node.op, UNIT_BY_UNIT):
            break
    return isinstance(node.op, SpikeSource)


def plain_pools(graph: Graph, node: Node) -> Iterator[Issue]:
    """A spiking max pool reads spikes that all carry the same within a channel."""
    if not isinstance(node.op, SpikingMaxPool) or node.name in steady(graph):
        return
    above = [graph[node.inputs[0]]]
    while above:
        reads = above.pop()
        op = reads.op
        if isinstance(op, Identity) or (isinstance(op, Concat) and op.axis in (-1, len(graph.shapes[reads.name]) - 1)):
            above += [graph[name] for name in reads.inputs]
        elif not (
            isinstance(op, SpikingMaxPool) or (isinstance(op, IntegrateFire | PoissonSpikes) and _by_channel(op.spike))
        ):
            problem = f"it pools {reads.name}, which is no layer of spikes that carry the same within a channel."
            yield Issue(node.name, problem, "Pool the neurons themselves, or convert with average pooling.")


def _by_channel(array: Array) -> bool:
    return array.size == array.shape[-1] if array.ndim else True
