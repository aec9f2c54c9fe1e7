"""The numpy simulator: every op of a spiking network, stepped by the clock as its docstring says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core import Array, Capabilities, Graph, Probes, Recording, Runnable, Simulator, option
from snntk_core.connectivity import synapses
from snntk_core.shapes import size
from snntk_core.stepped import EVERY_OP, checked_network, checked_run
from snntk_numpy.parallel import default_workers, map_parts
from snntk_numpy.recorder import recording
from snntk_numpy.running import run_part
from snntk_numpy.schedule import schedule

CACHE = 1 << 20  # bytes of the largest feature map of a part; larger parts fall out of the cache between ops
LARGEST_PART = 64


@dataclass(frozen=True)
class NumpySimulator(Simulator):
    """Runs a spiking network step by step in numpy: the reference that every other simulator is compared with."""

    name: ClassVar[str] = "numpy"
    preference: ClassVar[int] = 1
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = EVERY_OP

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
        graph = checked_network(self.name, self.capabilities, graph)
        return NumpyProgram(graph, self.part or _part_size(graph), self.workers or default_workers())


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
        batch, steps = checked_run(self.graph, batch, duration, probes)
        part = min(self.part, -(-len(batch) // self.workers))
        parts = [batch[start : start + part] for start in range(0, len(batch), part)]
        output = self.graph.outputs[0]
        fan_out = synapses(self.graph) if probes.operations else {}
        ran = map_parts(lambda part: run_part(self.schedule, part, steps, output, probes, fan_out), parts, self.workers)
        return recording(self.graph, ran)
