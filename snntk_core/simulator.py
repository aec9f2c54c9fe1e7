"""The simulator contract: running a spiking graph, or exporting it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Self

import numpy as np

from snntk_core.capability import Capabilities
from snntk_core.catalog import Catalog
from snntk_core.component import Component
from snntk_core.connectivity import spiking_nodes, synapses
from snntk_core.errors import DataError, SnntkError, UnknownName, listed
from snntk_core.graph import Graph
from snntk_core.ops import Array, IntegrateFire, Readout
from snntk_core.shapes import size


@dataclass(frozen=True)
class Probes:
    """What to record besides scores and spike counts.

    ``spikes``: nodes whose spike trains are wanted.  ``potentials``: nodes whose membrane potential is wanted, all of
    it unless ``units`` names the flat indices wanted of a node.  ``operations``: whether to count synaptic operations
    in every step.
    """

    spikes: tuple[str, ...] = ()
    potentials: tuple[str, ...] = ()
    units: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    operations: bool = False

    def check(self, graph: Graph) -> None:
        """Raise `UnknownName` for a node that has no such thing, and `DataError` for units nobody asked for or has."""
        if not (self.spikes or self.potentials or self.units):
            return
        holding = [node.name for node in graph if isinstance(node.op, IntegrateFire | Readout)]
        for kind, names, known in (
            ("node with spikes called", self.spikes, spiking_nodes(graph)),
            ("node with a potential called", (*self.potentials, *self.units), holding),
        ):
            for name in names:
                if name not in known:
                    raise UnknownName(kind, name, known)
        for name, units in self.units.items():
            if name not in self.potentials:
                raise DataError(f"Units of {name} are named, but not {name} itself among the potentials to record.")
            count = size(graph.shapes[name])
            absent = [unit for unit in units if not 0 <= unit < count]
            if absent:
                raise DataError(f"{name} has units 0 to {count - 1}; there is no unit {absent[0]}.")


@dataclass(frozen=True, eq=False)
class SpikeTrain:
    """The spikes of one node as triples: ``sample``, ``time`` (steps from 1) and ``unit`` (flat index), same length."""

    sample: Array
    time: Array
    unit: Array


@dataclass(frozen=True, eq=False)
class Recording:
    """What a run gave.

    ``times``: (steps,), counted from 1.  ``scores``: (batch, steps, outputs).  ``spike_counts``: for every spiking
    node (batch, units).  ``synaptic_operations``: (batch,) accumulates over the run, counted with the true fan-out.
    ``spikes``, ``potentials`` (batch, steps, units) and ``operations`` (for every spiking node (batch, steps), the
    accumulates that its spikes of each step cause) hold what the probes asked for.  ``ways``: how often each layer was
    computed in which way, from a simulator that has several.  ``accuracy`` (steps,): the share of samples decided right
    after each step, None without labels; ``error`` (steps,): the root mean square distance from targets, None without
    them.
    """

    times: Array
    scores: Array
    spike_counts: Mapping[str, Array]
    synaptic_operations: Array
    spikes: Mapping[str, SpikeTrain] = field(default_factory=dict)
    potentials: Mapping[str, Array] = field(default_factory=dict)
    operations: Mapping[str, Array] = field(default_factory=dict)
    ways: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    accuracy: Array | None = None
    error: Array | None = None


def join(parts: Sequence[Recording]) -> Recording:
    """Return the recordings of the parts of a batch as that of the whole, without ``accuracy`` and ``error``."""
    starts = np.cumsum([0, *(len(part.scores) for part in parts)])
    first = parts[0]

    def stacked(key: str) -> dict[str, Array]:
        return {name: np.concatenate([getattr(part, key)[name] for part in parts]) for name in getattr(first, key)}

    def train(name: str) -> SpikeTrain:
        trains = [part.spikes[name] for part in parts]
        samples = [train.sample + start for train, start in zip(trains, starts, strict=False)]
        times, units = [train.time for train in trains], [train.unit for train in trains]
        return SpikeTrain(np.concatenate(samples), np.concatenate(times), np.concatenate(units))

    return Recording(
        times=first.times,
        scores=np.concatenate([part.scores for part in parts]),
        spike_counts=stacked("spike_counts"),
        synaptic_operations=np.concatenate([part.synaptic_operations for part in parts]),
        spikes={name: train(name) for name in first.spikes},
        potentials=stacked("potentials"),
        operations=stacked("operations"),
        ways=joined_ways([part.ways for part in parts]),
    )


def operations_by_step(graph: Graph, spikes: Mapping[str, SpikeTrain], samples: int, steps: int) -> dict[str, Array]:
    """Return ``Recording.operations`` from the spike trains of the spiking nodes."""
    counted = {}
    for name, driven in synapses(graph).items():
        train = spikes[name]
        place = np.asarray(train.sample, np.int64) * steps + np.asarray(train.time, np.int64) - 1
        total = np.bincount(place, weights=driven[train.unit], minlength=samples * steps)
        counted[name] = total.astype(np.int64).reshape(samples, steps)
    return counted


def joined_ways(parts: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """Return the ``ways`` of several recordings added up."""
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for name, counts in part.items():
            total.setdefault(name, Counter()).update(counts)
    return {name: dict(counts) for name, counts in total.items()}


class Program(ABC):
    """A compiled network: a context manager that may hold a device or a build folder."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Release what the program holds."""


class Runnable(Program, ABC):
    """A program that runs here."""

    @abstractmethod
    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:
        """Run a batch in the model's own layout for ``duration`` (steps on a stepped clock), from the initial state."""


@dataclass(frozen=True)
class Artifact:
    """Files written for a device: their folder and the sha256 of each."""

    directory: Path
    files: Mapping[str, str]


class Exportable(Program, ABC):
    """A program that is written to files for a device."""

    @abstractmethod
    def export(self, directory: Path) -> Artifact:
        """Write the files and return their manifest."""


@dataclass(frozen=True)
class Simulator(Component):
    """Binds a graph to one backend.  ``clock``: none for one whose programs are `Exportable`.

    ``takes``: spiking graphs, or quantized analog ones, which run in one step: their recording has one time, and the
    codes that activations put out for spike counts.  ``preference``: where no simulator is named, the installed one
    with the highest runs; 0 for one that runs only by its name.
    """

    preference: ClassVar[int] = 0
    capabilities: ClassVar[Capabilities]
    takes: ClassVar[Literal["spiking", "quantized"]] = "spiking"
    clock: ClassVar[Literal["stepped", "event", "none"]]

    @abstractmethod
    def compile(self, graph: Graph) -> Program:
        """Return the graph as a program.  Raises `Incompatible` with every issue for a graph it cannot take."""


def preferred(simulators: Catalog[type[Simulator]]) -> str:
    """Return the name of the simulator that runs where none is named.

    It is the one with the highest preference of those that run spiking networks here and whose libraries are installed;
    equal preferences cancel each other.  Raises `SnntkError` where that leaves several or none.
    """
    runnable = {
        name: found
        for name, found in simulators.items()
        if found.clock != "none" and found.takes == "spiking" and not found.missing()
    }
    ranks = Counter(found.preference for found in runnable.values())
    alone = {found.preference: name for name, found in runnable.items() if ranks[found.preference] == 1}
    if not alone or (not any(alone) and len(runnable) > 1):
        raise SnntkError(f"No simulator is preferred among {listed(runnable) or 'none'}. Name one.")
    return alone[max(alone)]


def runs_nothing(simulator: Simulator) -> str:
    """Return the sentence with which a simulator that only writes networks is refused where one has to run."""
    command = f"snntk simulate NET.snntk --simulator {simulator.name} -o PATH"
    return f"The simulator {simulator.name} writes networks and runs nothing here. Convert the model, then: {command}."


def runs_no_spikes(simulator: Simulator) -> str:
    """Return the sentence with which a simulator of quantized networks is refused where the network is spiking."""
    commands = f"snntk quantize, then snntk simulate --simulator {simulator.name}"
    return f"The simulator {simulator.name} runs quantized networks, not spiking ones. Take two commands: {commands}."
