"""The event engine as a simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core import (
    Add,
    Array,
    AveragePool,
    Capabilities,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    Identity,
    IntegrateFire,
    Issue,
    LinearOp,
    Node,
    Pad,
    Probes,
    Readout,
    Recording,
    Reshape,
    Runnable,
    Scale,
    Simulator,
    SpikeSource,
    SpikingMaxPool,
    Subtract,
    Transpose,
    Upsample,
    option,
)
from snntk_core.connectivity import synapses
from snntk_core.errors import DataError, Incompatible
from snntk_core.reference import as_batch
from snntk_core.simulator import join
from snntk_event.choice import Way
from snntk_event.parallel import Team, default_workers, map_parts
from snntk_event.running import network, part_size, run_part

LINEAR: tuple[type[LinearOp], ...] = (
    Add, AveragePool, Concat, Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, Flatten, GlobalAveragePool,
    Identity, Pad, Reshape, Scale, Subtract, Transpose, Upsample,
)  # fmt: skip


def readout_is_the_end(graph: Graph, node: Node) -> Iterator[Issue]:
    """Nothing reads a readout."""
    if isinstance(node.op, Readout) and graph.users(node.name):
        yield Issue(node.name, "something reads this readout, which never spikes.", "Make it the output.")


def one_output(graph: Graph, node: Node) -> Iterator[Issue]:
    """The network has one output."""
    if node.name in graph.outputs[1:]:
        yield Issue(node.name, "is a second output, and scores hold one.", "Concatenate the outputs or keep one.")


@dataclass(frozen=True)
class EventSimulator(Simulator):
    """Runs a spiking network in compiled loops that compute only where spikes are: equal to `numpy`, and faster."""

    name: ClassVar[str] = "event"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    preference: ClassVar[int] = 2
    install: ClassVar[str] = 'pip install "snntk[event]"'
    requires: ClassVar[tuple[str, ...]] = ("numba",)
    capabilities: ClassVar[Capabilities] = Capabilities(
        ops=frozenset({*LINEAR, SpikeSource, IntegrateFire, SpikingMaxPool, Readout}),
        rules=(readout_is_the_end, one_output),
    )

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
        issues = list(self.capabilities.check(graph))
        if not graph.spiking:
            issues.insert(0, Issue("the network", "it is not spiking.", "Convert it first."))
        if issues:
            raise Incompatible(self.name, issues)
        self.require()
        return EventProgram(graph.verify(), self.part, self.workers or default_workers(), self.way)


class EventProgram(Runnable):
    """A spiking graph ready to run; it holds nothing but arrays."""

    def __init__(self, graph: Graph, part: int, workers: int, way: Way) -> None:
        self.graph, self.part, self.workers = graph, part, workers
        self.network = network(graph, way)
        self.fan_out = synapses(graph)

    def close(self) -> None:
        """Release nothing: there is no device."""

    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout for ``duration`` steps, from the initial state.

        Raises `DataError` for a batch that does not fit and for a duration that is no number of steps, `UnknownName`
        for a probe on a node that has no such thing.
        """
        if not float(duration).is_integer() or duration < 1:
            raise DataError(f"The duration is counted in steps, at least 1, got {duration}.")
        probes.check(self.graph)
        batch = as_batch(self.graph, batch)
        if not len(batch):
            raise DataError("The batch holds no samples.")
        steps = int(duration)
        part = self.part or part_size(self.graph, len(batch))
        parts = [batch[start : start + part] for start in range(0, len(batch), part)]

        def run(part: Array, team: Team) -> Recording:
            return run_part(self.network, part, steps, probes, self.fan_out, team)

        return join(map_parts(run, parts, self.workers))
