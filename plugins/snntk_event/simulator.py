"""The event engine as a simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snntk_core import Array, Capabilities, Graph, Probes, Recording, Runnable, Simulator, option
from snntk_core.simulator import join
from snntk_core.stepped import EVERY_OP, checked_network, checked_run
from snntk_event.choice import Way
from snntk_event.parallel import Team, default_workers, map_parts
from snntk_event.running import network, part_size, run_part, units_of


@dataclass(frozen=True)
class EventSimulator(Simulator):
    """Runs a spiking network in compiled loops that compute only where spikes are: equal to `numpy`, and faster."""

    name: ClassVar[str] = "event"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    preference: ClassVar[int] = 2
    install: ClassVar[str] = 'pip install "snntk[event]"'
    requires: ClassVar[tuple[str, ...]] = ("numba",)
    capabilities: ClassVar[Capabilities] = EVERY_OP

    part: int = option(0, "how many samples run side by side; 0 chooses as many as keep memory small")
    way: Way = option(
        "auto", "how layers are computed wherever that is possible; auto takes the faster way in each chunk"
    )
    workers: int = option(0, "how many threads; 0 takes what NUMBA_NUM_THREADS says, else one for each core")

    def __post_init__(self) -> None:
        if self.part < 0 or self.workers < 0:
            raise ValueError(f"part and workers take a count, or 0 to choose one, got {self.part} and {self.workers}")

    def compile(self, graph: Graph) -> EventProgram:
        """Return the graph as a program.

        Raises `Incompatible` with every issue for a network that is not spiking or holds an op unknown here,
        `GraphError` for one that is not valid, and `MissingLibrary` without numba.
        """
        graph = checked_network(self.name, self.capabilities, graph)
        self.require()
        return EventProgram(graph, self.part, self.workers or default_workers(), self.way)


class EventProgram(Runnable):
    """A spiking graph ready to run; it holds nothing but arrays."""

    def __init__(self, graph: Graph, part: int, workers: int, way: Way) -> None:
        self.graph, self.part, self.workers = graph, part, workers
        self.network = network(graph, way)
        self.units = units_of(graph)

    def close(self) -> None:
        """Release nothing: there is no device."""

    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout for ``duration`` steps, from the initial state.

        Raises `DataError` for a batch that does not fit and for a duration that is no number of steps, `UnknownName`
        for a probe on a node that has no such thing.
        """
        batch, steps = checked_run(self.graph, batch, duration, probes)
        part = self.part or part_size(self.units, len(batch))
        counts = {name: np.empty((len(batch), len(units)), np.int32) for name, units in self.network.fan_out.items()}

        def run(start: int, team: Team) -> Recording:
            here = slice(start, start + part)
            counted = {name: count[here] for name, count in counts.items()}
            return run_part(self.network, batch[here], steps, probes, counted, team)

        made = map_parts(run, range(0, len(batch), part), self.workers)
        if len(made) == 1:
            return made[0]
        return replace(join([replace(recording, spike_counts={}) for recording in made]), spike_counts=counts)
