"""Running a network: parts of a batch, chunks of steps, and within them layer after layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from snntk_core import Array, Graph, IntegrateFire, PoissonSpikes, Probes, Recording, Runnable
from snntk_core.connectivity import synapses, synaptic_operations
from snntk_core.reference.poisson import poisson_stream
from snntk_core.shapes import size
from snntk_core.simulator import join
from snntk_core.stepped import checked_run
from snntk_torchsim.device import chosen_device, float32, tensor, torch_threads
from snntk_torchsim.network import Network, network
from snntk_torchsim.population import Population, Random, population
from snntk_torchsim.recorder import Recorder
from snntk_torchsim.scan import NeuronArrays
from snntk_torchsim.triton_scan import scan_for

if TYPE_CHECKING:
    from torch import Tensor

BYTES = {"cpu": 16 << 20, "cuda": 512 << 20}
"""Of the largest feature map of a chunk.  On a CPU 4 to 64 MiB cost alike; on a GPU it was not measured."""
FEWEST = 16384  # neurons of the largest layer that a step should advance at once: fewer cost more in calls


@dataclass(frozen=True)
class Tiling:
    """How a run is cut: samples of a part, steps of a chunk, parts at once; 0 chooses."""

    part: int = 0
    chunk: int = 0
    workers: int = 0

    def cut(self, largest: int, samples: int, steps: int, kind: str) -> tuple[int, int]:
        """Return samples of a part and steps of a chunk; ``largest``: units of the largest feature map."""
        room = max(1, BYTES[kind] // (4 * largest))  # samples times steps
        part = self.part or min(room, max(room // steps, -(-FEWEST // largest)))
        part = max(1, min(part, samples))
        return part, self.chunk or max(1, min(steps, room // part))


class TorchProgram(Runnable):
    """A spiking graph ready to run, its arrays on one device."""

    def __init__(self, graph: Graph, device: str, tiling: Tiling) -> None:
        self.graph, self.tiling = graph, tiling
        self.network: Network = network(graph, chosen_device(device))
        self.way, self.scan = scan_for(self.network.device)
        self.neurons = {
            node.name: NeuronArrays.of(node.op, graph.shapes[node.name], self.network.device)
            for node in graph
            if isinstance(node.op, IntegrateFire)
        }

    @cached_property
    def synapses(self) -> dict[str, Array]:
        """How many synapses a spike of each unit drives, for every spiking node."""
        return synapses(self.graph)

    def close(self) -> None:
        """Release nothing: torch frees the arrays with the program."""

    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout for ``duration`` steps, from the initial state.

        Raises `DataError` for a batch that does not fit and for a duration that is no number of steps, `UnknownName`
        for a probe on a node that has no such thing.
        """
        batch, steps = checked_run(self.graph, batch, duration, probes)
        parts, chunk, workers = self._tiles(batch, steps)
        fan_out = self._fan_out() if probes.operations else {}
        with float32():
            ran = _side_by_side(
                lambda part: self._part(part, steps, chunk, Recorder(self.graph, probes, fan_out)), parts, workers
            )
        recording = join(ran)
        if recording.spike_counts:
            operations = synaptic_operations(self.graph, recording.spike_counts, self.synapses)
            recording = replace(recording, synaptic_operations=operations, ways=self._ways(len(ran)))
        return recording

    def _ways(self, parts: int) -> dict[str, dict[str, int]]:
        """Return how the neurons were scanned; on a CPU there is one way."""
        if self.network.device.type == "cpu":
            return {}
        return {name: {self.way: parts} for name in self.neurons}

    def _tiles(self, batch: Array, steps: int) -> tuple[list[Array], int, int]:
        """Return the parts of a batch, the steps of a chunk, and how many threads there are."""
        import torch

        kind = self.network.device.type
        workers = (self.tiling.workers or torch.get_num_threads()) if kind == "cpu" else 1
        largest = max(size(shape) for shape in self.graph.shapes.values())
        part, chunk = self.tiling.cut(largest, -(-len(batch) // workers), steps, kind)
        return [batch[start : start + part] for start in range(0, len(batch), part)], chunk, workers

    def _fan_out(self) -> dict[str, Tensor]:
        import torch

        return {name: torch.from_numpy(count).to(self.network.device) for name, count in self.synapses.items()}

    def _part(self, batch: Array, steps: int, chunk: int, recorder: Recorder) -> Recording:
        """Run one part from the initial state, chunk by chunk."""
        import torch

        with torch.inference_mode():
            constants = self.network.constants(tensor(batch, self.network.device))
            populations = self._populations(batch)
            for start in range(0, steps, chunk):
                self._chunk(constants, populations, start, min(chunk, steps - start), recorder)
            return recorder.recording(populations)

    def _populations(self, batch: Array) -> dict[str, Population]:
        samples, shapes, device = len(batch), self.graph.shapes, self.network.device
        made: dict[str, Population] = {}
        for node in self.network.stateful:
            before, after = (samples, *shapes[node.inputs[0]]), (samples, *shapes[node.name])
            if isinstance(node.op, PoissonSpikes):
                made[node.name] = Random(node.op, poisson_stream(self.graph, node.name, batch), after, device)
                continue
            made[node.name] = population(node.op, self.neurons.get(node.name), before, after, self.scan, device)
        return made

    def _chunk(
        self,
        constants: Mapping[str, Tensor],
        populations: Mapping[str, Population],
        start: int,
        steps: int,
        recorder: Recorder,
    ) -> None:
        """Carry the currents and spikes of some steps through the whole network, layer after layer."""
        values = dict(constants)
        for node in self.graph:
            name = node.name
            if name in populations:
                current, owned = self.network.current(node, values), name in self.network.owned
                emitted = populations[name].advance(current, steps, owned=owned, wanted=recorder.wanted(name))
                recorder.keep(name, start, emitted)
                values[name] = emitted.spikes
            elif name not in constants:
                values[name] = self.network.driven(node, values)
            for read in self.network.last[name]:
                del values[read]


def _side_by_side(function: Callable[[Array], Recording], parts: Sequence[Array], workers: int) -> list[Recording]:
    """Return ``function`` of every part, in order: one thread for each, and one of torch's within it.

    The products of one part are too small to share.  Where there is one part alone, its products get all threads.
    """
    if workers == 1 or len(parts) == 1:
        with torch_threads(workers):
            return [function(part) for part in parts]
    with torch_threads(1), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, parts))
