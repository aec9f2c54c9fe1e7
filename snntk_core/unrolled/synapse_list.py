"""Single synapses as three arrays, and what becomes of them when one linear map follows another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core.ops import Array


@dataclass(frozen=True, eq=False)
class SynapseList:
    """``y[after] += weight * x[before]`` for each synapse.

    ``before``, ``after``: flat indices, int64.  ``weight``: float64.  ``units``: how many units there are after.
    """

    before: Array
    after: Array
    weight: Array
    units: int

    @classmethod
    def each_its_own(cls, weight: Array) -> SynapseList:
        """Return one synapse of ``weight`` (units,) from each unit to itself."""
        units = np.arange(len(weight))
        return cls(units, units, np.asarray(weight, np.float64), len(weight))

    def then(self, other: SynapseList) -> SynapseList:
        """Return the synapses of ``other`` applied to what these give."""
        order = np.argsort(self.after, kind="stable")
        ends = np.cumsum(np.bincount(self.after, minlength=self.units))
        counts = np.diff(ends, prepend=0)[other.before]
        starts = (ends - np.diff(ends, prepend=0))[other.before]
        total = int(counts.sum())
        within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        mine = order[np.repeat(starts, counts) + within]
        return SynapseList(
            self.before[mine],
            np.repeat(other.after, counts),
            self.weight[mine] * np.repeat(other.weight, counts),
            other.units,
        )

    def merged(self) -> SynapseList:
        """Return one synapse for each pair of units, ordered by the unit before, none of weight zero."""
        key = self.before * self.units + self.after
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        weight = np.add.reduceat(self.weight[order], first) if len(first) else np.zeros(0)
        kept = weight != 0
        pair = order[first[kept]]
        return SynapseList(self.before[pair], self.after[pair], weight[kept], self.units)


def together(parts: list[SynapseList]) -> SynapseList:
    """Return the synapses of parallel paths to the same units as one list."""
    before, after, weight = (
        np.concatenate([getattr(part, key) for part in parts]) for key in ("before", "after", "weight")
    )
    return SynapseList(before, after, weight, parts[0].units)
