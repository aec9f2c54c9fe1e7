"""A network on the grid as groups of compartments and integer synapses, in stages that the host's pools divide.

A spike needs a step to the next group, so a group of depth ``d`` begins ``d`` steps later.  The emulator has no other
delays: where a spike skips groups, relays carry it, one compartment for each unit and step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from snntk_core import Array, IntegrateFire, SpikingMaxPool
from snntk_core.unrolled import Population, Projection, given
from snntk_loihi.grid import Grid, last_without_spike
from snntk_loihi.limits import MANTISSA, UNIT

Key = tuple[str, int]
"""A population, and how many relays behind it."""
PAIR = 2  # units: the smallest weight, and the threshold of a relay


@dataclass(frozen=True, eq=False)
class Group:
    """Compartments side by side.  ``silent`` (units,): the largest potential that gives no spike, as a core counts.

    ``depth``: its first step, from 0.
    """

    key: Key
    depth: int
    silent: Array
    refractory: int = 0

    @property
    def units(self) -> int:
        """How many compartments there are."""
        return len(self.silent)


@dataclass(frozen=True, eq=False)
class Bundle:
    """Synapses of one exponent from a group, or from ``given`` spikes of an earlier stage, to a group.

    ``weight``: in units, each an even mantissa of 8 bits times ``2**exponent``.  ``sources``: how many units there are.
    """

    source: Key
    target: Key
    before: Array
    after: Array
    weight: Array
    exponent: int
    sources: int
    given: bool = False


@dataclass(frozen=True, eq=False)
class Stage:
    """Groups that run together, by rising depth; ``pools``: what the host computes after them."""

    groups: tuple[Group, ...]
    bundles: tuple[Bundle, ...]
    pools: tuple[str, ...]

    @property
    def depth(self) -> int:
        """How many steps the last group begins later than the first."""
        return max((group.depth for group in self.groups), default=0)


def staged(grid: Grid) -> tuple[Stage, ...]:
    """Return the stages of a grid that fits."""
    network, place = grid.network, _places(grid)
    return tuple(
        _stage(grid, place, number, [p for p in network.populations if place.get(p.name) == number])
        for number in range(max(place.values(), default=-1) + 1)
    )


def _places(grid: Grid) -> dict[str, int]:
    """Return in which stage a population runs: behind every pool it reads.

    Spikes that are given are there from the start.
    """
    pools, place = set(), {}
    for population in grid.network.populations:
        sources = [projection.source for projection in grid.network.into(population.name)]
        if isinstance(population.op, SpikingMaxPool):
            pools.add(population.name)
            place[population.name] = max((place[source] for source in sources), default=0)
        elif given(grid.network.graph, population.name):
            place[population.name] = 0
        elif isinstance(population.op, IntegrateFire):
            place[population.name] = max((place[source] + (source in pools) for source in sources), default=0)
    return place


def _stage(grid: Grid, place: dict[str, int], number: int, populations: list[Population]) -> Stage:
    depth: dict[str, int] = {}
    groups: dict[Key, Group] = {}
    bundles: list[Bundle] = []
    firing = [population for population in populations if population.name in grid.scale]
    for population in firing:
        name, s = population.name, grid.scale[population.name]
        arriving = grid.network.into(name)
        inside = {p.source for p in arriving if p.source in depth}
        depth[name] = max((depth[source] + 1 for source in inside), default=int(bool(arriving)))
        silent = last_without_spike(population, s)
        groups[name, 0] = Group((name, 0), depth[name], silent, population.op.refractory)
        for projection in arriving:
            units = grid.network[projection.source].units
            hops = depth[name] - depth[projection.source] - 1 if projection.source in inside else 0
            bundles += _relays(groups, projection.source, hops)
            bundles += _bundles(projection, s, hops, units, given=projection.source not in inside)
    ordered = tuple(sorted(groups.values(), key=lambda group: group.depth))
    pools = tuple(p.name for p in populations if isinstance(p.op, SpikingMaxPool))
    return Stage(ordered, tuple(bundles), pools)


def _relays(groups: dict[Key, Group], source: str, hops: int) -> Iterator[Bundle]:
    """Add the relays behind a population that are not there yet, and yield what drives them."""
    first = groups.get((source, 0))
    for hop in range(1, hops + 1):
        if first is not None and (source, hop) not in groups:
            groups[source, hop] = Group((source, hop), first.depth + hop, np.full(first.units, (PAIR - 1) * UNIT))
            unit, weight = np.arange(first.units), np.full(first.units, PAIR)
            yield Bundle((source, hop - 1), (source, hop), unit, unit, weight, 0, first.units)


def _bundles(projection: Projection, s: int, hops: int, units: int, given: bool) -> Iterator[Bundle]:
    whole = np.ldexp(projection.weight, s).astype(np.int64)
    for weight, exponent in synapses_of(whole):
        kept = weight != 0
        before, after = projection.before[kept].astype(np.int64), projection.after[kept].astype(np.int64)
        ends = (projection.source, hops), (projection.target, 0)
        yield Bundle(*ends, before, after, weight[kept], exponent, units, given)


def synapses_of(weight: Array) -> Iterator[tuple[Array, int]]:
    """Yield even integers as one or two arrays of the same sum, each ``2 * j * 2**exponent`` with ``|j| <= 127``."""
    while weight.any():
        exponent = max(0, int(np.ceil(np.log2(np.abs(weight).max() / (2 * MANTISSA)))))
        step = PAIR << exponent
        part = np.sign(weight) * (np.abs(weight) // step) * step
        yield part, exponent
        weight = weight - part
