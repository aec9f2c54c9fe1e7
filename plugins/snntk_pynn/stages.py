"""An unrolled network cut where spikes are pooled: what runs together, and when each population begins.

PyNN has no neuron that takes a maximum.  What lies before a pool runs first, the pool is computed from its spikes, and
what lies behind hears them from a source that plays them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snntk_core import IntegrateFire, SpikingMaxPool
from snntk_core.unrolled import Projection, Unrolled, given


@dataclass(frozen=True, eq=False)
class Stage:
    """Populations that run together.

    ``depths``: how many populations spikes pass within the stage on the longest way to each population.  ``played``:
    what earlier stages and pools emit to it, and spikes that are given, at depth 0.  ``projections``: the synapses into
    its populations.  ``pools``: the spiking pools that can be computed once it has run, in order.
    """

    depths: Mapping[str, int]
    played: tuple[str, ...]
    projections: tuple[Projection, ...]
    pools: tuple[str, ...] = field(default=())

    @property
    def depth(self) -> int:
        """The largest depth."""
        return max(self.depths.values(), default=0)


def cut(network: Unrolled) -> tuple[Stage, ...]:
    """Return the stages of a network in the order in which they run; readouts and spikes that are given are in none."""
    level: dict[str, int] = {}
    for population in network.populations:
        before = [projection.source for projection in network.into(population.name)]
        if isinstance(population.op, SpikingMaxPool):
            level[population.name] = max((level.get(name, 0) for name in before), default=0)
        elif isinstance(population.op, IntegrateFire) and not given(network.graph, population.name):
            behind = [level.get(name, 0) + isinstance(network[name].op, SpikingMaxPool) for name in before]
            level[population.name] = max(behind, default=0)
    return tuple(_stage(network, level, number) for number in range(max(level.values(), default=-1) + 1))


def _stage(network: Unrolled, level: Mapping[str, int], number: int) -> Stage:
    here = [name for name, at in level.items() if at == number]
    pools = tuple(name for name in here if isinstance(network[name].op, SpikingMaxPool))
    depths: dict[str, int] = {}
    projections: list[Projection] = []
    for name in here:
        if name not in pools:
            into = [projection for projection in network.into(name) if len(projection.weight)]
            depths[name] = max((depths.get(projection.source, 0) + 1 for projection in into), default=0)
            projections += into
    played = dict.fromkeys(p.source for p in projections if p.source not in depths)
    return Stage(depths, tuple(played), tuple(projections), pools)
