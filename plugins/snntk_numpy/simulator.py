"""The numpy simulator: every op of a spiking network, stepped by the clock as its docstring says."""

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
from snntk_core.shapes import size
from snntk_numpy.parallel import default_workers, map_parts
from snntk_numpy.recorder import recording
from snntk_numpy.running import run_part
from snntk_numpy.schedule import schedule

CACHE = 1 << 20  # bytes of the largest feature map of a part; larger parts fall out of the cache between ops
LARGEST_PART = 64

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
class NumpySimulator(Simulator):
    """Runs a spiking network step by step in numpy: the reference that every other simulator is compared with."""

    name: ClassVar[str] = "numpy"
    preference: ClassVar[int] = 1
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = Capabilities(
        ops=frozenset({*LINEAR, SpikeSource, IntegrateFire, SpikingMaxPool, Readout}),
        rules=(readout_is_the_end, one_output),
    )

    part: int = option(0, "how many samples run side by side; 0 chooses as many as keep the feature maps in the cache")
    workers: int = option(0, "how many parts run at once; 0 takes one for each core where threadpoolctl is installed")

    def __post_init__(self) -> None:
        if self.part < 0 or self.workers < 0:
            raise ValueError(f"part and workers take a count, or 0 to choose one, got {self.part} and {self.workers}")

    def compile(self, graph: Graph) -> NumpyProgram:
        """Return the graph as a program.

        Raises `Incompatible` with every issue for a network that is not spiking or holds an op unknown here, and
        `GraphError` for one that is not valid.
        """
        issues = list(self.capabilities.check(graph))
        if not graph.spiking:
            issues.insert(0, Issue("the network", "it is not spiking.", "Convert it first."))
        if issues:
            raise Incompatible(self.name, issues)
        return NumpyProgram(graph.verify(), self.part or _part_size(graph), self.workers or default_workers())


def _part_size(graph: Graph) -> int:
    largest = max(size(shape) for shape in graph.shapes.values())
    return max(1, min(LARGEST_PART, CACHE // (4 * largest)))


class NumpyProgram(Runnable):
    """A spiking graph ready to run; it holds nothing but arrays."""

    def __init__(self, graph: Graph, part: int, workers: int) -> None:
        self.graph, self.part, self.workers = graph, part, workers
        self.schedule = schedule(graph)

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
        part = min(self.part, -(-len(batch) // self.workers))
        parts = [batch[start : start + part] for start in range(0, len(batch), part)]
        output, steps = self.graph.outputs[0], int(duration)
        fan_out = synapses(self.graph) if probes.operations else {}
        ran = map_parts(lambda part: run_part(self.schedule, part, steps, output, probes, fan_out), parts, self.workers)
        return recording(self.graph, ran)
