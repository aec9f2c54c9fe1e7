"""Running a network in Brian2: parts of a batch, each in one run, and what its monitors hold as a recording."""

from __future__ import annotations

from typing import Literal

import numpy as np

from snntk_brian2.library import settings
from snntk_brian2.monitors import Rounds
from snntk_brian2.runtime import Runtime
from snntk_brian2.standalone import Standalone
from snntk_core import Array, Graph, Probes, Recording, Runnable
from snntk_core.simulator import join
from snntk_core.stepped import checked_run
from snntk_core.unrolled import Unrolled, recorded, unroll

Target = Literal["numpy", "cython", "cpp_standalone"]
MOST_COPIES = 64
SYNAPSES = 1 << 17  # of all copies together: with more the time goes into synapses, which copies do not save


class Brian2Program(Runnable):
    """A spiking graph as a Brian2 network, ready to run."""

    def __init__(self, graph: Graph, target: Target, copies: int, dt: float) -> None:
        self.graph, self.target = graph, target
        self.unrolled = unroll(graph)
        self.copies = copies or _copies(self.unrolled)
        with settings("numpy") as brian2:  # what is done once is not worth compiling
            kind = Standalone if target == "cpp_standalone" else Runtime
            self.backend: Standalone | Runtime = kind(brian2, self.unrolled, self.copies, dt)

    def close(self) -> None:
        """Forget the network and remove its folder, if it has one."""
        self.backend.close()

    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout for ``duration`` steps, from the initial state.

        Raises `DataError` for a batch that does not fit and for a duration that is no number of steps, `UnknownName`
        for a probe on a node that has no such thing.
        """
        batch, steps = checked_run(self.graph, batch, duration, probes)
        at_once = self.copies * self.backend.most_rounds(steps)
        parts = [batch[start : start + at_once] for start in range(0, len(batch), at_once)]
        with settings("cython" if self.target == "cython" else "numpy"):
            return join([self._part(part, steps, probes) for part in parts])

    def _part(self, batch: Array, steps: int, probes: Probes) -> Recording:
        rounds = Rounds(len(batch), self.copies, steps, self.backend.dt)
        wanted = {name: probes.units.get(name) for name in probes.potentials if probes.units.get(name) != ()}
        monitors = self.backend.run(batch, rounds, wanted)
        units = {population.name: population.units for population in self.unrolled.populations}
        trains = {name: rounds.train(monitor, units[name]) for name, monitor in monitors.spikes.items()}
        nothing = np.zeros((len(batch), steps, 0), np.float32)
        potentials = {
            name: rounds.potentials(monitors.potentials[name]) if name in wanted else nothing
            for name in probes.potentials
        }
        return recorded(self.unrolled, trains, rounds.potentials(monitors.readout), probes, potentials)


def _copies(network: Unrolled) -> int:
    """Return how many copies run faster together than one after the other."""
    synapses = sum(len(projection.weight) for projection in network.projections)
    return max(1, min(MOST_COPIES, SYNAPSES // max(1, synapses)))
