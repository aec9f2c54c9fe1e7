"""The plainest stepped simulation there is: every node in every step, as the docstrings of the neuron ops say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snntk_core.graph import Graph
from snntk_core.ops import Array, IntegrateFire, PoissonSpikes, Readout, SpikeSource, SpikingMaxPool
from snntk_core.reference import apply
from snntk_core.reference.neuron import NeuronState, gate, initial_state, linked, step
from snntk_core.reference.poisson import PoissonStream


@dataclass(frozen=True, eq=False)
class Reference:
    """``counts``: spikes of each neuron node (batch, units).  ``scores``: (batch, steps, outputs)."""

    counts: Mapping[str, Array]
    scores: Array


def simulate_plainly(graph: Graph, batch: Array, steps: int) -> Reference:
    """Return what a spiking graph does in ``steps`` steps, in float64 and without any shortcut."""
    batch = batch.astype(np.float64)
    states: dict[str, NeuronState] = {}
    streams: dict[str, PoissonStream] = {}
    totals: dict[str, Array] = {}
    counts: dict[str, Array] = {}
    scores: list[Array] = []
    potentials: list[Array] = []
    for time in range(1, steps + 1):
        values: dict[str, Array] = {}
        for node in graph:
            op, inputs = node.op, [values[name] for name in node.inputs]
            if isinstance(op, SpikeSource):
                values[node.name] = apply(op, batch)
            elif isinstance(op, IntegrateFire):
                state = states.setdefault(node.name, initial_state(op, inputs[0].shape, np.dtype(np.float64)))
                fired = step(op, state, inputs[0])
                values[node.name] = state.spikes.copy()
                counts[node.name] = counts.get(node.name, 0) + fired.astype(int)
            elif isinstance(op, PoissonSpikes):
                fired = streams.setdefault(node.name, PoissonStream(op, inputs[0], batch)).take(1)[:, 0]
                values[node.name] = fired * op.spike
                counts[node.name] = counts.get(node.name, 0) + fired.astype(int)
            elif isinstance(op, SpikingMaxPool):
                values[node.name] = _pooled(op, totals, node.name, inputs[0])
                counts[node.name] = counts.get(node.name, 0) + (values[node.name] != 0).astype(int)
            elif isinstance(op, Readout):
                totals[node.name] = values[node.name] = totals.get(node.name, 0) + inputs[0]
            else:
                values[node.name] = apply(op, *inputs)
        output = graph[graph.outputs[0]].op
        assert isinstance(output, Readout)
        potentials.append(values[graph.outputs[0]])
        waits = min(output.warm_up, time // 2)
        mean = (potentials[-1] - (potentials[waits - 1] if waits else 0)) / (time - waits)
        scores.append(linked(output.link, mean).reshape(len(batch), -1))
    flat = {name: count.reshape(len(batch), -1) for name, count in counts.items()}
    return Reference(flat, np.stack(scores, axis=1))


def _pooled(op: SpikingMaxPool, totals: dict[str, Array], name: str, spikes: Array) -> Array:
    before = totals.get(name, np.zeros_like(spikes))
    total = totals[name] = before + spikes
    return gate(op, total, spikes) if op.rule == "gate" else apply(op, total) - apply(op, before)
