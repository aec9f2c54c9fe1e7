"""What one part of a batch leaves behind, and how the parts become one recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from snntk_core import Array, Graph, Probes, Readout, Recording, SpikeTrain
from snntk_core.connectivity import synaptic_operations
from snntk_core.reference.neuron import scores


@dataclass(frozen=True, eq=False)
class Part:
    """The recording of one part.  ``readout``: V of the output after every step, (batch, steps, *shape)."""

    readout: Array
    counts: Mapping[str, Array]
    spikes: Mapping[str, SpikeTrain]
    potentials: Mapping[str, Array]
    operations: Mapping[str, Array]


@dataclass(eq=False)
class Recorder:
    """Collects what the probes ask for while a part runs.

    ``fan_out``: synapses of every unit of each spiking node, flat; empty where operations are not asked for.
    """

    probes: Probes
    fan_out: Mapping[str, Array]
    operations: dict[str, list[Array]] = field(default_factory=dict)
    events: dict[str, list[tuple[Array, Array, Array]]] = field(default_factory=dict)
    potentials: dict[str, list[Array]] = field(default_factory=dict)

    def spiked(self, name: str, time: int, fired: Array) -> None:
        """Keep which units of a probed node fired."""
        if name in self.probes.spikes:
            sample, unit = np.nonzero(fired.reshape(len(fired), -1))
            self.events.setdefault(name, []).append((sample, np.full(len(sample), time), unit))
        if name in self.fan_out:
            driven = fired.reshape(len(fired), -1) @ self.fan_out[name]
            self.operations.setdefault(name, []).append(driven.astype(np.int64))

    def rested(self, name: str, potential: Array | None) -> None:
        """Keep the potential of a probed node after a step."""
        if name in self.probes.potentials and potential is not None:
            wanted = self.probes.units.get(name)
            flat = potential.reshape(len(potential), -1)
            self.potentials.setdefault(name, []).append(flat.copy() if wanted is None else flat[:, list(wanted)])

    def part(self, readout: Array, counts: Mapping[str, Array]) -> Part:
        """Return everything as one part."""
        trains = {name: SpikeTrain(*map(np.concatenate, zip(*e, strict=True))) for name, e in self.events.items()}
        stacked = (
            {name: np.stack(v, axis=1) for name, v in kept.items()} for kept in (self.potentials, self.operations)
        )
        return Part(readout, counts, trains, *stacked)


def recording(graph: Graph, parts: Sequence[Part]) -> Recording:
    """Return the parts, in the order of the batch, as one recording."""
    counts = {name: np.concatenate([part.counts[name] for part in parts]) for name in parts[0].counts}
    starts = np.cumsum([0, *(len(part.readout) for part in parts)])
    potentials = np.concatenate([part.readout for part in parts])
    times = np.arange(1, potentials.shape[1] + 1)
    op = graph[graph.outputs[0]].op
    assert isinstance(op, Readout)
    return Recording(
        times=times,
        scores=scores(op, potentials).reshape(len(potentials), len(times), -1),
        spike_counts=counts,
        synaptic_operations=_operations(graph, counts, len(potentials)),
        spikes={name: _train([part.spikes[name] for part in parts], starts) for name in parts[0].spikes},
        potentials={name: np.concatenate([part.potentials[name] for part in parts]) for name in parts[0].potentials},
        operations={name: np.concatenate([part.operations[name] for part in parts]) for name in parts[0].operations},
    )


def _operations(graph: Graph, counts: Mapping[str, Array], batch: int) -> Array:
    return synaptic_operations(graph, counts) if counts else np.zeros(batch, np.int64)


def _train(trains: Sequence[SpikeTrain], starts: Array) -> SpikeTrain:
    """Return one train, ordered by sample, then time, then unit."""
    sample = np.concatenate([train.sample + start for train, start in zip(trains, starts[:-1], strict=True)])
    time = np.concatenate([train.time for train in trains])
    unit = np.concatenate([train.unit for train in trains])
    order = np.lexsort((unit, time, sample))
    return SpikeTrain(*(array[order].astype(np.int32) for array in (sample, time, unit)))
