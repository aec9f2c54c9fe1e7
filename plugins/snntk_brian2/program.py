"""Running a network in Brian2 itself: one long run over many samples, each from the initial state."""

from __future__ import annotations

from typing import Any

import numpy as np

from snntk_brian2.library import settings
from snntk_brian2.network import Built, build
from snntk_brian2.reading import Rounds
from snntk_core import Array, Graph, PoissonSpikes, Probes, Recording, Runnable
from snntk_core.simulator import join
from snntk_core.stepped import checked_run
from snntk_core.unrolled import Unrolled, given_train, recorded, unroll

MOST_COPIES = 64
SYNAPSES = 1 << 18  # of all copies together: more gain nothing and take memory
EVENTS = 1 << 23  # spikes that one run may record


class Brian2Program(Runnable):
    """A spiking graph as a Brian2 network, built once and stored in its initial state."""

    def __init__(self, graph: Graph, target: str, copies: int, dt: float) -> None:
        self.graph, self.target = graph, target
        self.unrolled = unroll(graph)
        self.copies = copies or _copies(self.unrolled)
        with settings("numpy") as brian2:  # what is done once is not worth compiling
            self.built: Built | None = build(brian2, self.unrolled, self.copies, dt)
            self.built.network.store()

    def close(self) -> None:
        """Forget the network."""
        self.built = None

    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout for ``duration`` steps, from the initial state.

        Raises `DataError` for a batch that does not fit and for a duration that is no number of steps, `UnknownName`
        for a probe on a node that has no such thing.
        """
        batch, steps = checked_run(self.graph, batch, duration, probes)
        units = sum(population.units for population in self.unrolled.populations)
        at_once = self.copies * max(1, EVENTS // (units * steps * self.copies))
        parts = [batch[start : start + at_once] for start in range(0, len(batch), at_once)]
        with settings(self.target):
            return join([self._part(part, steps, probes) for part in parts])

    def _part(self, batch: Array, steps: int, probes: Probes) -> Recording:
        """Run samples round after round in one run of Brian2, and read its monitors."""
        built = self.built
        assert built is not None
        rounds = Rounds(len(batch), self.copies, steps, float(built.clock.dt))
        monitors = {
            name: built.potential(number, name, probes.units.get(name))
            for number, name in enumerate(probes.potentials)
            if probes.units.get(name) != ()
        }
        built.network.restore()
        self._give(batch, rounds)
        guests = [*monitors.values(), _feeder(built, rounds, self.unrolled.currents(batch))]
        built.network.add(*guests)
        try:
            built.network.run(rounds.count * steps * built.clock.dt, namespace={})
        finally:
            built.network.remove(*guests)
        trains = {name: rounds.train(monitor, self.unrolled[name].units) for name, monitor in built.spikes.items()}
        potentials = {
            name: rounds.potentials(monitors[name])
            if name in monitors
            else np.zeros((len(batch), steps, 0), np.float32)
            for name in probes.potentials
        }
        return recorded(self.unrolled, trains, rounds.potentials(built.readout), probes, potentials)

    def _give(self, batch: Array, rounds: Rounds) -> None:
        """Hand over the spikes that are drawn beforehand."""
        assert self.built is not None
        for population in self.unrolled.populations:
            if isinstance(population.op, PoissonSpikes):
                train = given_train(self.unrolled, population.name, batch, rounds.steps)
                index, times = rounds.played(train, population.units)
                self.built.groups[population.name].set_spikes(index, times * self.built.clock.dt)


def _feeder(built: Built, rounds: Rounds, currents: dict[str, Array]) -> Any:
    """Return what sets the initial state and the currents of the next samples where a round begins."""
    drives = {
        group.variables["drive"]: rounds.placed(currents[name])
        for name, group in built.groups.items()
        if "drive" in group.variables
    }
    step = built.clock.variables["timestep"].get_value()

    def feed() -> None:
        number, within = divmod(int(step[0]), rounds.steps)
        if within:
            return
        for variable in built.state:
            variable.reset()
        for variable, drive in drives.items():
            variable.set_value(drive[number])

    return built.brian2.NetworkOperation(feed, clock=built.clock, when="start")


def _copies(network: Unrolled) -> int:
    """Return how many copies run faster together than one after the other."""
    synapses = sum(len(projection.weight) for projection in network.projections)
    return max(1, min(MOST_COPIES, SYNAPSES // max(1, synapses)))
