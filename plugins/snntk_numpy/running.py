"""Running one part of a batch: the loop over steps, and one step through the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snntk_core import Array, PoissonSpikes, Probes, Readout
from snntk_core.reference.poisson import poisson_stream
from snntk_numpy.population import Counter, Population, Random, population
from snntk_numpy.recorder import Part, Recorder
from snntk_numpy.schedule import Schedule


@dataclass(frozen=True, eq=False)
class Running:
    """A part on its way: what each neuron node receives anyway, its state, and what is recorded."""

    plan: Schedule
    constant: Mapping[str, Array | None]
    populations: Mapping[str, Population]
    counters: Mapping[str, Counter]
    recorder: Recorder

    def step(self, time: int) -> None:
        """Carry the current and the spikes of one step through the whole network; None stands for silence."""
        values: dict[str, Array | None] = {}
        for node in self.plan.nodes:
            name = node.name
            if name not in self.populations:
                values[name] = self.plan.driven(node, values)
                continue
            neurons = self.populations[name]
            emitted = neurons.advance(_current(values[node.inputs[0]], self.constant[name]))
            self.recorder.rested(name, neurons.potential)
            if neurons.fired is not None:
                self.counters[name].add(neurons.fired)
                self.recorder.spiked(name, time, neurons.fired)
                values[name] = emitted if neurons.fired.any() else None


def run_part(
    plan: Schedule, batch: Array, steps: int, output: str, probes: Probes, fan_out: Mapping[str, Array]
) -> Part:
    """Run one part for ``steps`` from the initial state and return what it leaves; ``output`` is the readout.

    ``fan_out``: synapses of every unit of the nodes whose operations are counted in every step.
    """
    count = len(batch)
    constant = plan.constant_currents(batch)
    populations: dict[str, Population] = {}
    for node in plan.nodes:
        if node.name in constant:
            op, shape = plan.affine[node.name], (count, *plan.shapes[node.name])
            populations[node.name] = (
                Random(op, poisson_stream(plan.graph, node.name, batch))
                if isinstance(op, PoissonSpikes)
                else population(op, (count, *plan.shapes[node.inputs[0]]), shape)
            )
    spiking = [node.name for node in plan.nodes if node.name in constant and not isinstance(node.op, Readout)]
    counters = {name: Counter((count, *plan.shapes[name]), steps) for name in spiking}
    running = Running(plan, constant, populations, counters, Recorder(probes, fan_out))
    readout = np.empty((count, steps, *plan.shapes[output]), np.float32)
    for time in range(1, steps + 1):
        running.step(time)
        readout[:, time - 1] = populations[output].potential
    return running.recorder.part(readout, {name: counter.counts() for name, counter in counters.items()})


def _current(driven: Array | None, constant: Array | None) -> Array:
    if driven is None:
        return np.zeros(1, np.float32) if constant is None else constant
    return driven if constant is None else driven + constant
