"""One phase of a run: every segment at work on a part of the batch, one sample after the other.

A sample takes ``period`` steps: its own ones, some in which its neurons are held silent, and one that sets them back.
All samples of a part go through in one simulation, because setting the state of neurons from outside takes as long as
simulating them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snntk_core import Array, IntegrateFire, SpikeTrain
from snntk_core.unrolled import Unrolled
from snntk_nest.building import Layer, Stage, first
from snntk_nest.kernel import Kernel
from snntk_nest.neurons import LOWEST

NOTHING = [{"n_events": 0}]  # as a list NEST takes it without looking at what is recorded


@dataclass(eq=False)
class Part:
    """Some samples on their way through the segments: their currents, and the spikes so far."""

    samples: int
    currents: Mapping[str, Array]
    trains: dict[str, SpikeTrain] = field(default_factory=dict)
    potentials: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """When things happen.  ``begin``: the last step before the phase.  ``silent``: how long neurons are held silent."""

    begin: int
    steps: int
    silent: int
    period: int
    resolution: float

    @classmethod
    def planned(cls, kernel: Kernel, network: Unrolled, steps: int, delay: int) -> Phase:
        """Return a phase that begins now.  NEST runs for multiples of the shortest delay."""
        ops = [population.op for population in network.populations]
        silent = 1 + max((op.refractory for op in ops if isinstance(op, IntegrateFire)), default=0)
        period = -(-(steps + silent + 1) // delay) * delay
        return cls(kernel.now, steps, silent, period, kernel.resolution)

    def feed(self, stage: Stage, part: Part) -> None:
        """Tell the generators of a stage what they have to fire for a part."""
        starts = self.begin + self.period * np.arange(part.samples)
        within = np.arange(1, self.steps + 1)
        stage.always.set({"spike_times": self._times(np.add.outer(starts, within).ravel())})
        stage.start.set({"spike_times": self._times(starts + 1)})
        after = np.arange(self.steps + 1, self.steps + self.silent + 2)
        weights = np.full((part.samples, len(after)), LOWEST**2 * -1)
        weights[:, -1] = -LOWEST
        times = self._times(np.add.outer(starts, after).ravel())
        stage.silence.set({"spike_times": times, "spike_weights": weights.ravel()})
        for layer in stage.layers:
            clocks, currents = zip(layer.clocks, layer.drives, layer.driven, strict=True), part.currents
            given = zip(clocks, starts, currents[layer.population.name], strict=False)
            for (clock, synapses, driven), start, current in given:
                clock.set({"spike_times": self._times(start + within)})
                synapses.set({"weight": current[driven].astype(np.float64)})
        for name, generators in stage.played.items():
            self._play(generators, part.trains[name])

    def _play(self, generators: Any, train: SpikeTrain) -> None:
        """Have a train fired by generators, one for each unit."""
        order = np.lexsort((train.time, train.sample, train.unit))
        steps = self.begin + self.period * train.sample[order].astype(np.int64) + train.time[order]
        ends = np.cumsum(np.bincount(train.unit, minlength=len(generators)))
        generators.set([{"spike_times": times} for times in np.split(self._times(steps), ends[:-1])])

    def _times(self, steps: Array) -> Array:
        return np.asarray(steps * self.resolution, np.float64)

    def train(self, layer: Layer) -> SpikeTrain:
        """Return the spikes of a population and forget them."""
        events = layer.recorder.get("events")
        layer.recorder.set(NOTHING)
        sample, within = self._own(events["times"], layer)
        unit = events["senders"] - first(layer.neurons)
        return SpikeTrain(*(array.astype(np.int32) for array in (sample, within + 1, unit)))

    def potentials(self, layer: Layer, multimeter: Any, samples: int, units: Array) -> Array:
        """Return V of ``units``, ordered and each once, after every step: (samples, steps, units)."""
        events = multimeter.get("events")
        multimeter.set(NOTHING)
        sample, within = self._own(events["times"], layer)
        kept = (sample >= 0) & (sample < samples) & (within < self.steps)
        place = np.searchsorted(units + first(layer.neurons), events["senders"][kept])
        found = np.zeros((samples, self.steps, len(units)))
        found[sample[kept], within[kept], place] = events["V_m"][kept]
        return found

    def _own(self, times: Array, layer: Layer) -> tuple[Array, Array]:
        """Return for times of NEST the sample and the step within it, both from 0, as a population counts them."""
        steps = np.rint(times / self.resolution).astype(np.int64)
        sample, within = np.divmod(steps - (self.begin + layer.offset + 1), self.period)
        return sample, within
