"""A network as PyNN's populations and projections, and playing the stages of a batch through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from snntk_core import IntegrateFire, SpikeTrain
from snntk_core.ops import Array
from snntk_core.unrolled import Population, Unrolled
from snntk_pynn.backend import Backend
from snntk_pynn.stages import Stage

PARKED = -1e12  # a potential from which no spike is reached
LEAD = 2  # steps before a stage begins: a source must be told before it fires


@dataclass(eq=False)
class PynnNetwork:
    """All stages of a network, built once.  ``now``: the time it has come to, in steps.

    ``populations``: of neurons, by name.  ``players``: the sources of each stage.  ``currents``: what was set last.
    """

    backend: Backend
    network: Unrolled
    stages: tuple[Stage, ...]
    sim: Any = None
    now: int = 0
    populations: dict[str, Any] = field(default_factory=dict)
    players: list[dict[str, Any]] = field(default_factory=list)
    currents: dict[str, Array] = field(default_factory=dict)

    def build(self, watched: tuple[str, ...]) -> None:
        """Make populations and projections, and record the spikes of all and the potentials of those ``watched``."""
        longest = self.backend.hop * max((stage.depth for stage in self.stages), default=0) + 1
        self.sim = self.backend.setup(longest)
        for stage in self.stages:
            for name in stage.depths:
                self._neurons(self.network[name], name in watched)
            sources = {name: self._source(self.network[name]) for name in stage.played}
            self.players.append(sources)
            self._connect(stage, sources)
        self.now = self.backend.begin()
        self.backend.remember()

    def _neurons(self, population: Population, watched: bool) -> None:
        op = population.op
        assert isinstance(op, IntegrateFire)
        cell = self.backend.cell(self.sim, population.threshold, op.leak, op.refractory)
        made = self.sim.Population(population.units, cell, initial_values={"v": PARKED}, label=population.name)
        self.backend.ready(made)
        made.record(["spikes", "v"] if watched else ["spikes"])
        self.populations[population.name] = made
        self.currents[population.name] = np.zeros(population.units)

    def _source(self, population: Population) -> Any:
        return self.sim.Population(population.units, self.sim.SpikeSourceArray(), label=f"{population.name} played")

    def _connect(self, stage: Stage, sources: Mapping[str, Any]) -> None:
        for projection in stage.projections:
            target = self.network[projection.target]
            assert isinstance(target.op, IntegrateFire)
            first = sources.get(projection.source) or self.populations[projection.source]
            delay = self.backend.hop * (stage.depths[target.name] - stage.depths.get(projection.source, 0))
            arrays = {"before": projection.before, "after": projection.after, "weight": projection.weight}
            connector = self.sim.FromListConnector([])  # whose own way is one target, on Brian2 one synapse at a time
            connector.connect = partial(self.backend.connect, **arrays, delay=delay)
            synapse = self.backend.synapse(self.sim, delay, target.op.refractory)
            self.sim.Projection(first, self.populations[target.name], connector, synapse)

    def play(
        self, number: int, currents: Mapping[str, Array], trains: Mapping[str, SpikeTrain], steps: int
    ) -> dict[str, tuple[SpikeTrain, Array]]:
        """Run a stage over samples one after the other; returns spikes and, of watched populations, V.

        A sample ends in each population when the next one begins there: none waits for the deepest.  V: (batch, steps,
        units), empty where it is not recorded.
        """
        stage, samples = self.stages[number], len(next(iter(currents.values())))
        pause = max((self._refractory(name) + 1 for name in stage.depths if self._refractory(name)), default=0)
        grid = Grid(self.now + LEAD, steps, steps + pause, samples, self.backend.hop)
        for name, source in self.players[number].items():
            train = trains[name]
            time = grid.first + np.asarray(train.sample, np.int64) * grid.period + train.time - 1
            self.backend.hand_over(source, time, np.asarray(train.unit))
        events: dict[int, list[Callable[[], None]]] = {}
        for name, depth in stage.depths.items():
            initial = self.network[name].initial_potential
            for sample in range(samples):
                begin = partial(self._set, name, initial, currents[name][sample])
                events.setdefault(grid.begin(sample, depth), []).append(begin)
                if pause or sample == samples - 1:
                    rest = partial(self._set, name, np.full(1, PARKED), np.zeros_like(initial))
                    events.setdefault(grid.begin(sample, depth) + steps, []).append(rest)
        until = grid.begin(samples, stage.depth) + self.backend.hop * stage.depth + pause + 2
        self.backend.play(self.sim, self.now, events, until)
        self.now = until
        self.backend.remember()
        return {name: self._read(name, grid, depth) for name, depth in stage.depths.items()}

    def _refractory(self, name: str) -> int:
        op = self.network[name].op
        return op.refractory if isinstance(op, IntegrateFire) else 0

    def _set(self, name: str, potential: Array, current: Array) -> None:
        population = self.populations[name]
        population.initialize(v=_plain(potential))
        if not np.array_equal(self.currents[name], current):
            population.set(i_offset=_plain(current.astype(np.float64)))
            self.currents[name] = current

    def _read(self, name: str, grid: Grid, depth: int) -> tuple[SpikeTrain, Array]:
        population = self.populations[name]
        label, unit = self.backend.spikes(population)
        sample, step, kept = grid.place(label - self.backend.label, depth)
        train = SpikeTrain(sample[kept], step[kept], unit[kept])
        if not any(variable.name == "v" for variable in population.recorder.recorded):
            return train, np.zeros(0)
        label, values = self.backend.potentials(population)
        kept = grid.place(label - self.backend.label, depth)[2]
        return train, values[kept].reshape(grid.samples, grid.steps, -1)


@dataclass(frozen=True)
class Grid:
    """Where samples lie in time: each population has a window of ``steps`` in every ``period``."""

    first: int
    steps: int
    period: int
    samples: int
    hop: int

    def begin(self, sample: int, depth: int) -> int:
        """Return the time at which a sample begins in a population."""
        return self.first + sample * self.period + depth * self.hop

    def place(self, time: Array, depth: int) -> tuple[Array, Array, Array]:
        """Return sample, step (from 1) and whether it is one of ours for times at which steps begin."""
        sample, step = np.divmod(time - self.begin(0, depth), self.period)
        return sample, step + 1, (sample >= 0) & (sample < self.samples) & (step < self.steps)


def _plain(values: Array) -> Any:
    """Return one number for values that are all the same: simulators set these faster."""
    return float(values.flat[0]) if values.size and np.all(values == values.flat[0]) else values
