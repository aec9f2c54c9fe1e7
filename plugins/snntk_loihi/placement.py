"""Which compartments share a core: each group is cut into equal cores as few as the limits allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from snntk_core import Array
from snntk_loihi.grid import Grid
from snntk_loihi.limits import CORE, Core
from snntk_loihi.stages import Bundle, Group, Key, Stage, staged

WEIGHT_BITS, HEADER, WORD, PER_ENTRY = 8, 10, 64, 64
INDEX_BITS = (0, 6, 7, 8, 9, 10, 11, 12)


@dataclass(frozen=True, eq=False)
class Placed:
    """A stage on cores.  ``bounds``: where the cores of a group begin and end.

    ``crowded``: the populations of which a unit's spikes go to more cores than one core has axons, and to how many.
    """

    stage: Stage
    bounds: Mapping[Key, Array]
    crowded: Mapping[str, int]

    @property
    def cores(self) -> int:
        """How many cores the stage takes."""
        return sum(len(bounds) - 1 for bounds in self.bounds.values())


_KNOWN: WeakKeyDictionary[Grid, tuple[Placed, ...]] = WeakKeyDictionary()


def placed(grid: Grid) -> tuple[Placed, ...]:
    """Return the stages of a grid that fits, on cores; it is computed once for each grid."""
    if grid not in _KNOWN:
        _KNOWN[grid] = tuple(place(stage, CORE) for stage in staged(grid))
    return _KNOWN[grid]


def place(stage: Stage, core: Core) -> Placed:
    """Place a stage, the last groups first: how many cores a spike goes to says how many units share one."""
    leaving = {group.key: np.zeros(group.units, np.int64) for group in stage.groups}
    bounds, crowded = {}, {}
    for group in reversed(stage.groups):
        arriving = [bundle for bundle in stage.bundles if bundle.target == group.key]
        bounds[group.key] = _cut(group, arriving, leaving[group.key], core)
        for bundle in arriving:
            if not bundle.given:
                leaving[bundle.source] += (_synapses(bundle, bounds[group.key]) > 0).sum(axis=0)
        largest = int(leaving[group.key].max(initial=0))
        if largest > core.axons:
            crowded[group.key[0]] = largest
    return Placed(stage, bounds, crowded)


def _cut(group: Group, arriving: Iterable[Bundle], leaving: Array, core: Core) -> Array:
    """Return the bounds of the fewest equal cores that hold a group; one unit each where nothing helps."""
    count = -(-group.units // core.compartments)
    while True:
        bounds = np.linspace(0, group.units, count + 1).astype(np.int64)
        excess = max(_excess(bounds, arriving, leaving, core), 0.0)
        if excess <= 1 or count == group.units:
            return bounds
        count = min(group.units, max(count + 1, int(count * min(excess, 2.0))))


def _excess(bounds: Array, arriving: Iterable[Bundle], leaving: Array, core: Core) -> float:
    """Return how many times its limits the fullest core would hold."""
    index_bits = next(bits for bits in INDEX_BITS if 1 << bits >= np.diff(bounds).max())
    axons, bits = np.zeros(len(bounds) - 1), np.zeros(len(bounds) - 1)
    for bundle in arriving:
        counts = _synapses(bundle, bounds)
        axons += (counts > 0).sum(axis=1)
        bits += memory(counts, index_bits).sum(axis=1)
    out = np.add.reduceat(leaving, bounds[:-1])
    return float(max(axons.max() / core.axons, bits.max() / core.synapse_bits, out.max() / core.axons))


def _synapses(bundle: Bundle, bounds: Array) -> Array:
    """Return how many synapses each unit before has on each core: (cores, sources)."""
    core = np.searchsorted(bounds, bundle.after, side="right") - 1
    shape = (len(bounds) - 1, bundle.sources)
    return np.bincount(core * bundle.sources + bundle.before, minlength=shape[0] * shape[1]).reshape(shape)


def memory(counts: Array, index_bits: int) -> Array:
    """Return the bits that an axon with so many synapses takes: entries of 64 synapses, each in whole words."""
    each = WEIGHT_BITS + index_bits
    full, rest = np.divmod(counts, PER_ENTRY)
    return full * _words(PER_ENTRY * each + HEADER) + np.where(rest, _words(rest * each + HEADER), 0)


def _words(bits: Array) -> Array:
    return -(-bits // WORD) * WORD
