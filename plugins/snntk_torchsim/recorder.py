"""What one part of a batch leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from snntk_core import Array, Graph, Probes, Readout, Recording, SpikeTrain
from snntk_core.reference.neuron import scores
from snntk_torchsim.population import Population, Wanted
from snntk_torchsim.scan import Emitted

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(eq=False)
class Recorder:
    """Collects what is recorded while a part runs, chunk by chunk.

    ``fan_out``: synapses of every unit of each spiking node, flat; empty where operations are not asked for.
    """

    graph: Graph
    probes: Probes
    fan_out: Mapping[str, Tensor]
    events: dict[str, list[Array]] = field(default_factory=dict)
    kept: dict[str, list[Array]] = field(default_factory=dict)
    operations: dict[str, list[Array]] = field(default_factory=dict)

    def wanted(self, name: str) -> Wanted:
        """Return what is recorded of a node."""
        output = name in self.graph.outputs
        return Wanted(name in self.probes.spikes or name in self.fan_out, output or name in self.probes.potentials)

    def keep(self, name: str, start: int, emitted: Emitted) -> None:
        """Keep what a node did in a chunk that begins after ``start`` steps."""
        if name in self.fan_out and emitted.fired is not None:
            # sums of at most 2^53 synapses: exact
            driven = emitted.fired.flatten(2).double() @ self.fan_out[name]
            self.operations.setdefault(name, []).append(driven.long().cpu().numpy())
        if name in self.probes.spikes and emitted.fired is not None:
            found = emitted.fired.flatten(2).nonzero().cpu().numpy()
            self.events.setdefault(name, []).append(found + np.array((start + 1, 0, 0)))
        if emitted.potentials is not None:
            self.kept.setdefault(name, []).append(emitted.potentials.flatten(2).cpu().numpy())

    def recording(self, populations: Mapping[str, Population]) -> Recording:
        """Return everything as the recording of the part."""
        (output,) = self.graph.outputs
        potentials = {name: np.concatenate(parts).swapaxes(0, 1) for name, parts in self.kept.items()}
        counts = {
            name: population.counts.flatten(1).cpu().numpy()
            for name, population in populations.items()
            if population.counts is not None
        }
        op, shape = self.graph[output].op, self.graph.shapes[output]
        assert isinstance(op, Readout)
        readout = potentials[output]
        samples, steps = readout.shape[:2]
        said = scores(op, readout.reshape(samples, steps, *shape)).reshape(samples, steps, -1)
        return Recording(
            times=np.arange(1, steps + 1),
            scores=said,
            spike_counts=counts,
            synaptic_operations=np.zeros(samples, np.int64),  # counted once for the whole batch
            spikes={name: _train(np.concatenate(self.events[name])) for name in self.probes.spikes},
            potentials={name: self._chosen(name, potentials[name]) for name in self.probes.potentials},
            operations={name: np.concatenate(parts).T for name, parts in self.operations.items()},
        )

    def _chosen(self, name: str, potentials: Array) -> Array:
        units = self.probes.units.get(name)
        return np.ascontiguousarray(potentials if units is None else potentials[:, :, list(units)])


def _train(found: Array) -> SpikeTrain:
    """Return a train ordered by sample, then time, then unit; ``found``: (spikes, 3) of time, sample and unit."""
    time, sample, unit = found.T
    order = np.lexsort((unit, time, sample))
    return SpikeTrain(*(array[order].astype(np.int32) for array in (sample, time, unit)))
