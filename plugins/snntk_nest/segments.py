"""A network cut where NEST has no neuron: at spiking max pools, whose spikes are computed between two runs of NEST.

A network has no loops, so what a pool gives is known once the populations before it have run.  Populations between two
cuts are a segment.  Spikes that come from before a segment are played to it by generators.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from snntk_core import Graph, IntegrateFire, LinearOp, SpikeTrain, SpikingMaxPool
from snntk_core.connectivity import steady
from snntk_core.unrolled import Population, Projection, Unrolled, pooled_train


@dataclass(frozen=True, eq=False)
class Segment:
    """Populations of neurons that run together.

    ``offsets``: by how many steps the first step of a population is later than that of the generators, because a spike
    takes ``delay`` steps from one population to the next in NEST and none in a network.  ``played``: the populations
    that generators stand for, in the order of the network.
    """

    neurons: tuple[Population, ...]
    projections: tuple[Projection, ...]
    offsets: Mapping[str, int]
    played: tuple[Population, ...]

    @property
    def latest(self) -> int:
        """The largest offset."""
        return max(self.offsets.values())

    def delay(self, projection: Projection) -> int:
        """Return the steps on the way, with which a spike arrives in the step of the target in which it was fired."""
        return self.offsets[projection.target] - self.offsets.get(projection.source, 0)


def segments(network: Unrolled, delay: int) -> tuple[Segment, ...]:
    """Return the segments of a network in the order in which they run."""
    levels: dict[str, int] = {}
    for population in network.populations:
        above = [levels[projection.source] for projection in network.into(population.name)]
        if isinstance(population.op, SpikingMaxPool):
            fired = [
                levels[projection.source] + isinstance(network[projection.source].op, IntegrateFire)
                for projection in network.into(population.name)
            ]
            levels[population.name] = max(fired, default=0)
        else:
            levels[population.name] = max(above, default=0)
    neurons = [population for population in network.populations if isinstance(population.op, IntegrateFire)]
    count = 1 + max((levels[population.name] for population in neurons), default=-1)
    return tuple(
        _segment(network, tuple(p for p in neurons if levels[p.name] == level), delay) for level in range(count)
    )


def _segment(network: Unrolled, neurons: tuple[Population, ...], delay: int) -> Segment:
    offsets: dict[str, int] = {}
    projections: list[Projection] = []
    for population in neurons:
        into = network.into(population.name)
        offsets[population.name] = delay + max((offsets.get(projection.source, 0) for projection in into), default=0)
        projections += into
    sources = {projection.source for projection in projections} - offsets.keys()
    played = tuple(population for population in network.populations if population.name in sources)
    return Segment(neurons, tuple(projections), offsets, played)


def fed_populations(graph: Graph) -> frozenset[str]:
    """Return the nodes of neurons whose constant current depends on the sample: the input reaches them as current."""
    constant = steady(graph)
    current = set(constant)
    for node in graph:
        if isinstance(node.op, LinearOp) and current.intersection(node.inputs):
            current.add(node.name)
    return frozenset(
        node.name
        for node in graph
        if isinstance(node.op, IntegrateFire) and node.name not in constant and current.intersection(node.inputs)
    )


def play_pools(network: Unrolled, trains: MutableMapping[str, SpikeTrain], samples: int, steps: int) -> None:
    """Add the spikes of every pool whose inputs are all there."""
    for population in network.populations:
        name, into = population.name, network.into(population.name)
        known = all(projection.source in trains for projection in into)
        if isinstance(population.op, SpikingMaxPool) and name not in trains and known:
            trains[name] = pooled_train(network, name, trains, samples, steps)
