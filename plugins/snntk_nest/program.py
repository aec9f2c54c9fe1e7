"""A network in NEST's kernel, ready to run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snntk_core import Array, Graph, PoissonSpikes, Probes, Readout, Recording, Runnable
from snntk_core.simulator import join
from snntk_core.stepped import checked_run
from snntk_core.unrolled import given_train, readout_potentials, recorded, unroll
from snntk_nest.building import Builder, Stage
from snntk_nest.kernel import Kernel
from snntk_nest.phases import Part, Phase
from snntk_nest.probing import Multimeters
from snntk_nest.segments import fed_populations, play_pools, segments

DRIVES = 1 << 18  # synapses from clocks, most of them for samples that wait
MOST = 16  # samples of a part: more do not make it faster
EVENTS = 1 << 23  # spikes that the recorders might have to hold
POTENTIALS = 1 << 21  # potentials that multimeters hold


class NestProgram(Runnable):
    """A spiking network in NEST, built again where another program took the kernel in between."""

    def __init__(self, graph: Graph, kernel: Kernel, delay: int, part: int) -> None:
        self.graph, self.kernel, self.delay = graph, kernel, delay
        self.network = unroll(graph)
        self.segments, self.fed = segments(self.network, delay), fed_populations(graph)
        driven = sum(self.network[name].inputs for name in self.fed)
        self.part = part or max(1, min(MOST, DRIVES // max(driven, 1)))
        self.stages: tuple[Stage, ...] = ()
        with kernel.at_work():
            self._build()

    def close(self) -> None:
        """Empty the kernel, where it still holds this network.  Raises `SnntkError` in another thread."""
        with self.kernel.at_work():
            self.kernel.release()

    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout for ``duration`` steps, from the initial state.

        Raises `DataError` for a batch that does not fit and for a duration that is no number of steps, `UnknownName`
        for a probe on a node that has no such thing, `SnntkError` where somebody else built a network in NEST.
        """
        batch, steps = checked_run(self.graph, batch, duration, probes)
        with self.kernel.at_work():
            if not self.kernel.held:
                self._build()
            multimeters = Multimeters.connected(self.kernel, self.stages, probes, self.delay)
            size = self._part_size(steps, multimeters.count)
            batches = [batch[start : start + size] for start in range(0, len(batch), size)]
            recordings = self._run(batches, steps, probes, multimeters)
            if multimeters.count:
                self.kernel.release()  # nodes cannot be taken away again
        return join(recordings)

    def _build(self) -> None:
        self.kernel.claim()
        silence = np.zeros((1, *self.graph.input_shape), np.float32)
        steady = {name: current[0] for name, current in self.network.currents(silence).items()}
        builder = Builder(self.kernel, self.network, self.delay, self.part, self.fed, steady)
        self.stages = tuple(builder.stage(segment) for segment in self.segments)

    def _part_size(self, steps: int, probed: int) -> int:
        units = sum(population.units for population in self.network.populations)
        least = min(EVENTS // (units * steps), POTENTIALS // (max(probed, 1) * steps))
        return max(1, min(self.part, least))

    def _run(self, batches: Sequence[Array], steps: int, probes: Probes, multimeters: Multimeters) -> list[Recording]:
        """Run the parts of a batch: in each phase every segment works on a part of its own, the first ahead."""
        parts: list[Part] = []
        recordings: list[Recording] = []
        last = max(len(self.stages), 1) - 1
        for number in range(len(batches) + last):
            if number < len(batches):
                parts.append(self._part(batches[number], steps))
            working = [
                (stage, parts[number - index])
                for index, stage in enumerate(self.stages)
                if 0 <= number - index < len(batches)
            ]
            self._phase(working, steps, multimeters)
            if number >= last:
                recordings.append(self._recording(parts[number - last], steps, probes))
                parts[number - last] = Part(0, {})
        return recordings

    def _part(self, batch: Array, steps: int) -> Part:
        """Return samples at the beginning of their way."""
        part = Part(len(batch), self.network.currents(batch))
        for population in self.network.populations:
            if isinstance(population.op, PoissonSpikes):
                part.trains[population.name] = given_train(self.network, population.name, batch, steps)
        play_pools(self.network, part.trains, part.samples, steps)
        return part

    def _phase(self, working: Sequence[tuple[Stage, Part]], steps: int, multimeters: Multimeters) -> None:
        phase = Phase.planned(self.kernel, self.network, steps, self.delay)
        for stage, part in working:
            phase.feed(stage, part)
        count = max((part.samples for _, part in working), default=0)
        if count:
            self.kernel.run(phase.period, count)
            latest = max(stage.segment.latest for stage, _ in working)
            self.kernel.run(self.delay, -(-latest // self.delay) + 1)
        for stage, part in working:
            for layer in stage.layers:
                part.trains[layer.population.name] = phase.train(layer)
            multimeters.read(phase, stage, part)
            play_pools(self.network, part.trains, part.samples, steps)

    def _recording(self, part: Part, steps: int, probes: Probes) -> Recording:
        for population in self.network.populations:
            if isinstance(population.op, Readout):
                name = population.name
                readout = readout_potentials(self.network, name, part.trains, part.currents, steps)
                part.potentials[name] = readout.astype(np.float32)
        readout = part.potentials[self.graph.outputs[0]]
        potentials = {name: part.potentials[name] for name in probes.potentials}
        for name, units in probes.units.items():
            if isinstance(self.network[name].op, Readout):
                potentials[name] = potentials[name][:, :, list(units)]
        return recorded(self.network, part.trains, readout, probes, potentials)
