"""Counting while a simulation runs: decisions over time, and a row for each layer, without keeping every sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snntk_core.connectivity import multiply_accumulates, source_multiply_accumulates
from snntk_core.graph import Graph
from snntk_core.judge import Judge, decisions
from snntk_core.ops import Array, IntegrateFire, PoissonSpikes
from snntk_core.reference import activations, apply
from snntk_core.result import Accuracy, Cost, LayerReport
from snntk_core.shapes import size
from snntk_core.simulator import Recording, joined_ways


def report_times(duration: int, times: tuple[int, ...]) -> tuple[int, ...]:
    """Return the steps reported: those asked for that fit, or 1, 2, 4, 8, ... and the last."""
    asked = [t for t in times if t <= duration] or [2**k for k in range(duration.bit_length()) if 2**k <= duration]
    return tuple(sorted({*asked, duration}))


@dataclass
class DecisionTally:
    """What the judge says, agreement with the analog network, and squared deviation from it, at each reported time."""

    times: tuple[int, ...]
    judge: Judge
    samples: int = 0
    marks: Array = field(default_factory=lambda: np.zeros(0))
    agreed: Array = field(default_factory=lambda: np.zeros(0))
    squared: Array = field(default_factory=lambda: np.zeros(0))
    reference: float = 0.0

    def add(self, recording: Recording, analog: Array, part: slice) -> None:
        """Count the samples ``part``: their recording and the analog outputs, (n, *shape)."""
        analog, cut = analog.reshape(len(analog), -1), self.judge.cut
        scores = recording.scores[:, np.searchsorted(recording.times, self.times)]
        agreed = decisions(scores, cut) == decisions(analog, cut)[:, None]
        zero = np.zeros(len(self.times))
        self.samples += len(analog)
        self.agreed = (self.agreed if len(self.agreed) else zero) + agreed.sum(axis=0)
        difference = ((scores - analog[:, None]) ** 2).sum(axis=(0, 2))
        self.squared = (self.squared if len(self.squared) else zero) + difference
        self.reference += float((analog**2).sum())
        if self.judge.judges:
            self.marks = (self.marks if len(self.marks) else zero) + self.judge.marks(scores, part).sum(axis=0)

    def finish(
        self,
        analog: float | None,
        rewritten: float | None,
        limit: float | None,
        limit_deviation: float | None = None,
    ) -> Accuracy:
        """Return the measures over time, beside those of the analog, rewritten and limit networks."""
        scale, decides = self.reference or 1.0, self.judge.measure == "accuracy"
        spiking = None
        if self.judge.judges:
            sums = zip(self.times, self.marks, strict=True)
            spiking = {t: self.judge.judged(float(total), self.samples) for t, total in sums}
        return Accuracy(
            self.samples,
            analog,
            rewritten,
            limit,
            spiking,
            {t: float(a) / self.samples for t, a in zip(self.times, self.agreed, strict=True)} if decides else {},
            {t: float(np.sqrt(s / scale)) for t, s in zip(self.times, self.squared, strict=True)},
            self.judge.measure,
            self.judge.top_k,
            limit_deviation,
        )


@dataclass
class LayerTally:
    """Spikes of every layer over all samples, and counts of the first ones to compare with activations."""

    graph: Graph
    duration: int
    keep: int
    samples: int = 0
    spikes: dict[str, float] = field(default_factory=dict)
    silent: dict[str, int] = field(default_factory=dict)
    saturated: dict[str, int] = field(default_factory=dict)
    kept: dict[str, list[Array]] = field(default_factory=dict)
    operations: float = 0.0
    ways: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, recording: Recording) -> None:
        """Count one part."""
        room = max(self.keep - self.samples, 0)
        self.samples += len(recording.scores)
        self.operations += float(recording.synaptic_operations.sum())
        self.ways = joined_ways((self.ways, recording.ways))
        for name, counts in recording.spike_counts.items():
            self.spikes[name] = self.spikes.get(name, 0.0) + float(counts.sum())
            self.silent[name] = self.silent.get(name, 0) + int((counts == 0).sum())
            self.saturated[name] = self.saturated.get(name, 0) + int((counts >= self.duration).sum())
            if room:
                self.kept.setdefault(name, []).append(counts[:room])

    def finish(self, analog: Graph, batch: Array) -> tuple[LayerReport, ...]:
        """Return a row for each layer; ``batch`` holds the samples that the kept counts are of, and maybe more."""
        kept = {name: np.concatenate(parts) for name, parts in self.kept.items()}
        count = len(next(iter(kept.values()), ()))
        shared = [name for name in kept if name in analog and analog.shapes[name] == self.graph.shapes[name]]
        values = activations(analog, batch[:count], shared) if count and shared else {}
        limits = activations(self.graph, batch[:count], shared) if count and shared else {}
        return tuple(self._row(name, kept[name], values.get(name), limits.get(name)) for name in self.spikes)

    def cost(self, analog: Graph) -> Cost:
        """Return what a sample costs; ``analog``: the network that was made spiking."""
        firing = [node for node in self.graph if isinstance(node.op, IntegrateFire | PoissonSpikes)]
        neurons = sum(size(self.graph.shapes[node.name]) for node in firing if isinstance(node.op, IntegrateFire))
        return Cost(
            spikes=sum(self.spikes[node.name] for node in firing) / self.samples,
            accumulates=self.operations / self.samples,
            source_multiply_accumulates=source_multiply_accumulates(self.graph),
            neuron_updates=neurons * self.duration,
            multiply_accumulates=sum(multiply_accumulates(analog).values()),
            neurons=neurons,
        )

    def _row(self, name: str, counts: Array, analog: Array | None, limit: Array | None) -> LayerReport:
        op, shape = self.graph[name].op, self.graph.shapes[name]
        pairs = self.samples * size(shape)
        correlation = error = clipping = None
        if analog is not None and limit is not None:
            spike = spike_values(self.graph, name).ravel()
            correlation, error = likeness(counts * (spike / self.duration), analog.reshape(len(analog), -1))
            clipping = likeness(limit, analog)[1]
        return LayerReport(
            name,
            type(op).__name__,
            size(shape),
            self.spikes[name] / (pairs * self.duration),
            self.silent[name] / pairs,
            self.saturated[name] / pairs,
            correlation,
            error,
            clipping,
            self.ways.get(name, {}),
        )


def spike_values(graph: Graph, name: str) -> Array:
    """Return what one spike of each unit of a spiking node carries, in its shape; a pool passes on what it got."""
    node, shape = graph[name], graph.shapes[name]
    if isinstance(node.op, IntegrateFire | PoissonSpikes):
        return np.broadcast_to(node.op.spike, shape)
    if not node.inputs:
        return np.ones(shape)
    carried = (np.array(spike_values(graph, above), np.float64)[None] for above in node.inputs)
    return np.asarray(apply(node.op, *carried)[0])


def likeness(rates: Array, values: Array) -> tuple[float | None, float | None]:
    """Return the Pearson correlation of two arrays and their relative root mean square difference, or None."""
    a, b = rates.astype(np.float64).ravel(), values.astype(np.float64).ravel()
    norm = float(np.sqrt((b * b).mean()))
    error = float(np.sqrt(((a - b) ** 2).mean())) / norm if norm else None
    if a.std() == 0 or b.std() == 0:
        return None, error
    return float(np.corrcoef(a, b)[0, 1]), error


def rates_by_layer(recording: Recording) -> Mapping[str, float]:
    """Return the mean spikes per neuron and step of each layer of one recording."""
    steps = len(recording.times)
    return {name: float(counts.mean()) / steps for name, counts in recording.spike_counts.items()}
