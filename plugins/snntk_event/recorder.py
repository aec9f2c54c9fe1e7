"""What the probes ask for, kept chunk by chunk while one part of a batch runs, and a part as a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snntk_core import Array, Graph, Probes, Readout, Recording, SpikeTrain
from snntk_core.reference.neuron import scores
from snntk_event.chunk import Chunk, Emitted

Triples = tuple[Array, Array, Array]


@dataclass(eq=False)
class Recorder:
    """Collects what the probes ask for.

    ``fan_out``: synapses of every unit of each spiking node, flat.
    ``output``: the readout, whose potential is always kept.
    """

    probes: Probes
    fan_out: Mapping[str, Array]
    output: str
    operations: dict[str, list[Array]] = field(default_factory=dict)
    events: dict[str, list[Triples]] = field(default_factory=dict)
    potentials: dict[str, list[Array]] = field(default_factory=dict)
    readout: list[Array] = field(default_factory=list)
    ways: dict[str, dict[str, int]] = field(default_factory=dict)

    def traces(self, name: str) -> bool:
        """Whether the potential of a node is wanted."""
        return name in self.probes.potentials or name == self.output

    def keep(self, name: str, chunk: Chunk, emitted: Emitted, potentials: Array, way: str) -> None:
        """Keep what is wanted of what a layer did in a chunk."""
        ways = self.ways.setdefault(name, {})
        ways[way] = ways.get(way, 0) + chunk.images * chunk.steps
        if name == self.output:
            self.readout.append(potentials)
        if name in self.probes.potentials:
            units, flat = self.probes.units.get(name), potentials.reshape(chunk.images, chunk.steps, -1)
            self.potentials.setdefault(name, []).append(flat if units is None else flat[:, :, list(units)])
        if name in self.probes.spikes or (self.probes.operations and name in self.fan_out):
            self._spiked(name, chunk, emitted)

    def _spiked(self, name: str, chunk: Chunk, emitted: Emitted) -> None:
        from snntk_event.kernels.compact import compact

        entries, starts = compact(emitted.masks, emitted.shape[-1])
        counts = (starts[:, :, -1] - starts[:, :, 0]).reshape(-1)
        units, place = entries[: counts.sum()], np.repeat(np.arange(len(counts)), counts)
        if name in self.probes.spikes:
            sample, time = np.divmod(place, chunk.steps)
            self.events.setdefault(name, []).append((sample, time + chunk.begin + 1, units))
        if self.probes.operations:
            driven = np.bincount(place, weights=self.fan_out[name][units], minlength=len(counts))
            made = driven.astype(np.int64).reshape(chunk.images, chunk.steps)
            self.operations.setdefault(name, []).append(made)

    def _operations(self, counts: Mapping[str, Array], images: int) -> Array:
        """Return the synaptic operations of each sample."""
        from snntk_event.kernels.compact import add_weighed

        total = np.zeros(images, np.int64)
        for name, synapses in self.fan_out.items():
            add_weighed(counts[name], synapses, total)
        return total

    def recording(self, graph: Graph, counts: Mapping[str, Array]) -> Recording:
        """Return the part as a recording."""
        potentials = self.readout[0] if len(self.readout) == 1 else np.concatenate(self.readout, axis=1)
        images, steps = potentials.shape[:2]
        op = graph[self.output].op
        assert isinstance(op, Readout)
        shaped = potentials.reshape(images, steps, *graph.shapes[self.output])
        return Recording(
            times=np.arange(1, steps + 1),
            scores=scores(op, shaped).reshape(images, steps, -1),
            spike_counts=counts,
            synaptic_operations=self._operations(counts, images),
            spikes={name: _train(triples) for name, triples in self.events.items()},
            potentials={name: np.concatenate(kept, axis=1) for name, kept in self.potentials.items()},
            operations={name: np.concatenate(kept, axis=1) for name, kept in self.operations.items()},
            ways=self.ways,
        )


def _train(triples: list[Triples]) -> SpikeTrain:
    """Return one train, ordered by sample, then time, then unit."""
    sample, time, unit = (np.concatenate(arrays) for arrays in zip(*triples, strict=True))
    order = np.lexsort((unit, time, sample))
    return SpikeTrain(*(array[order].astype(np.int32) for array in (sample, time, unit)))
