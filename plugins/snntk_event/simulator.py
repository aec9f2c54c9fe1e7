"""The event engine as a simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_core import Array, Capabilities, Graph, Probes, Recording, Runnable, Simulator, option
from snntk_core.connectivity import synapses
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
        self.fan_out = {name: driven.astype(np.int64) for name, driven in synapses(graph).items()}
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
        parts = [batch[start : start + part] for start in range(0, len(batch), part)]

        def run(part: Array, team: Team) -> Recording:
            return run_part(self.network, part, steps, probes, self.fan_out, team)

        made = map_parts(run, parts, self.workers)
        return made[0] if len(made) == 1 else join(made)
