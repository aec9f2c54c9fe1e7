"""Brian2 in this process: one long run over many samples, each from the initial state.

A run of Brian2 begins with generating its code anew, a fifth of a second for a LeNet, and seconds with Cython: so a run
is as long as memory for its spikes allows, and the state is set back in it where a sample begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snntk_brian2.monitors import Monitors, Rounds
from snntk_brian2.network import Built, build
from snntk_core import Array, PoissonSpikes
from snntk_core.errors import SnntkError
from snntk_core.unrolled import Unrolled, given_train

EVENTS = 1 << 23  # spikes that one run may record


class Runtime:
    """A network built once, and stored in its initial state."""

    def __init__(self, brian2: Any, unrolled: Unrolled, copies: int, dt: float) -> None:
        self.unrolled, self.copies = unrolled, copies
        self.built: Built | None = build(brian2, unrolled, copies, dt)
        self.built.network.store()
        self.dt = float(self.built.clock.dt)

    def close(self) -> None:
        """Forget the network."""
        self.built = None

    def most_rounds(self, steps: int) -> int:
        """Return how many rounds one run may have."""
        units = sum(population.units for population in self.unrolled.populations)
        return max(1, EVENTS // (units * steps * self.copies))

    def run(self, batch: Array, rounds: Rounds, potentials: Mapping[str, tuple[int, ...] | None]) -> Monitors:
        """Run a part of a batch.  ``potentials``: the populations, and the units of each, to record; None for all."""
        built = self.built
        if built is None:
            raise SnntkError("brian2: the program is closed.")
        watching = {
            name: built.potential(number, name, units) for number, (name, units) in enumerate(potentials.items())
        }
        built.network.restore()
        self._give(built, batch, rounds)
        guests = [*watching.values(), _feeder(built, rounds, self.unrolled.currents(batch))]
        built.network.add(*guests)
        try:
            built.network.run(rounds.count * rounds.steps * built.clock.dt, namespace={})
        finally:
            built.network.remove(*guests)
        return Monitors(built.spikes, built.readout, watching)

    def _give(self, built: Built, batch: Array, rounds: Rounds) -> None:
        """Hand over the spikes that are drawn beforehand."""
        for population in self.unrolled.populations:
            if isinstance(population.op, PoissonSpikes):
                train = given_train(self.unrolled, population.name, batch, rounds.steps)
                index, step = rounds.played(train, population.units)
                built.groups[population.name].set_spikes(index, step * built.clock.dt)


def _feeder(built: Built, rounds: Rounds, currents: Mapping[str, Array]) -> Any:
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
