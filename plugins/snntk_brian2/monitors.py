"""Samples as rounds of a run, and from what Brian2's monitors hold to spike trains and potentials of each sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snntk_core import Array, SpikeTrain


@dataclass(frozen=True)
class Monitors:
    """The monitors of a run: the spikes of every spiking population, potentials asked for, and those of the readout."""

    spikes: Mapping[str, Any]
    readout: Any
    potentials: Mapping[str, Any]


@dataclass(frozen=True)
class Rounds:
    """How a run is made of samples: ``copies`` of them side by side for ``steps`` steps, round after round.

    ``dt``: seconds.
    """

    samples: int
    copies: int
    steps: int
    dt: float

    @property
    def count(self) -> int:
        """How many rounds there are; the last may have copies without a sample."""
        return -(-self.samples // self.copies)

    def placed(self, current: Array) -> Array:
        """Return (rounds, copies * inputs) of a (samples, inputs) array, zero for copies without a sample."""
        filled = np.zeros((self.count * self.copies, current.shape[1]))
        filled[: self.samples] = current
        return filled.reshape(self.count, -1)

    def played(self, train: SpikeTrain, units: int) -> tuple[Array, Array]:
        """Return the units of the group and the steps of the run, from 0, in which the spikes of a train are fired."""
        number, copy = np.divmod(train.sample.astype(np.int64), self.copies)
        return copy * units + train.unit, number * self.steps + train.time - 1

    def train(self, monitor: Any, units: int) -> SpikeTrain:
        """Return the spikes of a monitor, in the order in which they were fired."""
        index = np.asarray(monitor.variables["i"].get_value())
        step = np.rint(np.asarray(monitor.variables["t"].get_value()) / self.dt).astype(np.int64)
        sample = step // self.steps * self.copies + index // units
        kept = slice(None) if self.samples == self.count * self.copies else sample < self.samples
        return SpikeTrain(*(part[kept].astype(np.int32) for part in (sample, step % self.steps + 1, index % units)))

    def potentials(self, monitor: Any) -> Array:
        """Return the potentials of a monitor: (samples, steps, units)."""
        found = np.asarray(monitor.variables["v"].get_value())
        found = found.reshape(self.count, self.steps, self.copies, -1).transpose(0, 2, 1, 3)
        return found.reshape(self.count * self.copies, self.steps, -1)[: self.samples].astype(np.float32)
