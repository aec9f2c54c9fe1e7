"""From the spikes that a simulator of single neurons gives to a recording like everyone's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from snntk_core.connectivity import spiking_nodes, synaptic_operations
from snntk_core.currents import FLOAT
from snntk_core.ops import Array, IntegrateFire, Readout, SpikingMaxPool
from snntk_core.reference import apply
from snntk_core.reference.neuron import NeuronState, gate, initial_state, scores, step
from snntk_core.reference.poisson import poisson_stream
from snntk_core.simulator import Probes, Recording, SpikeTrain, operations_by_step
from snntk_core.unrolled.network import Unrolled


def driven(network: Unrolled, name: str, trains: Mapping[str, SpikeTrain], sample: int, steps: int) -> Array:
    """Return what the spikes of a sample add to the current of a population in every step: (steps, inputs), float64."""
    inputs = network[name].inputs
    current = np.zeros(steps * inputs)
    for projection in network.into(name):
        train = trains[projection.source]
        mine = train.sample == sample
        time, unit = np.asarray(train.time[mine], np.int64) - 1, train.unit[mine]
        first = np.searchsorted(projection.before, unit, side="left")
        count = np.searchsorted(projection.before, unit, side="right") - first
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        synapse = np.repeat(first, count) + within
        place = np.repeat(time, count) * inputs + projection.after[synapse]
        current += np.bincount(place, weights=projection.weight[synapse], minlength=len(current))
    return current.reshape(steps, inputs)


def pooled_train(
    network: Unrolled, name: str, trains: Mapping[str, SpikeTrain], samples: int, steps: int
) -> SpikeTrain:
    """Return the spikes of a spiking max pool from those of the populations that drive it.

    For simulators whose neurons have no maximum: a pool is not a neuron, and needs nothing but the spikes before it.
    """
    population = network[name]
    op, (before,) = population.op, (network.graph.shapes[read] for read in network.graph[name].inputs)
    assert isinstance(op, SpikingMaxPool)
    found = []
    for sample in range(samples):
        x = driven(network, name, trains, sample, steps).reshape(steps, *before)
        total = x.cumsum(axis=0)
        passed = gate(op, total, x) if op.rule == "gate" else np.diff(apply(op, total), axis=0, prepend=0)
        time, unit = np.nonzero(passed.reshape(steps, -1))
        found.append((np.full(len(time), sample), time + 1, unit))
    return SpikeTrain(*(np.concatenate(parts).astype(np.int32) for parts in zip(*found, strict=True)))


def given_train(network: Unrolled, name: str, batch: Array, steps: int) -> SpikeTrain:
    """Return the spikes of a population that is `given`, ordered by sample, then time, then unit; the first step is 1.

    They depend on the samples alone, so any simulator can play them: a list of times for each unit.  ``batch``: in the
    order of the graph's input, see `as_batch`; a sample gives the same spikes in any batch.
    """
    if isinstance(network[name].op, IntegrateFire):
        states = _stepped(network, name, batch, steps)
        fired = np.stack([state.fired.reshape(len(batch), -1).copy() for state in states], axis=1)
        places = np.nonzero(fired)
        return SpikeTrain(*(part.astype(np.int32) for part in (places[0], places[1] + 1, places[2])))
    found = []
    for sample in range(len(batch)):
        fired = poisson_stream(network.graph, name, batch[sample : sample + 1]).take(steps)
        time, unit = np.nonzero(fired.reshape(steps, -1))
        found.append((np.full(len(time), sample), time + 1, unit))
    return SpikeTrain(*(np.concatenate(parts).astype(np.int32) for parts in zip(*found, strict=True)))


def given_potentials(network: Unrolled, name: str, batch: Array, steps: int) -> Array:
    """Return V of neurons that are `given` after every step: (batch, steps, units), float32."""
    states = _stepped(network, name, batch, steps)
    return np.stack([state.potential.reshape(len(batch), -1).copy() for state in states], axis=1)


def _stepped(network: Unrolled, name: str, batch: Array, steps: int) -> Iterator[NeuronState]:
    """Yield the state of neurons that the input alone drives after every step, in single precision as networks run."""
    op = network[name].op
    assert isinstance(op, IntegrateFire)
    shape = (len(batch), *network.graph.shapes[name])
    current, state = network.currents(batch)[name].reshape(shape), initial_state(op, shape, FLOAT)
    for _ in range(steps):
        step(op, state, current)
        yield state


def readout_potentials(
    network: Unrolled, name: str, trains: Mapping[str, SpikeTrain], currents: Mapping[str, Array], steps: int
) -> Array:
    """Return V of a readout after every step: (batch, steps, units).  ``currents``: `Unrolled.currents`."""
    constant = currents[name]
    sums = [driven(network, name, trains, sample, steps).cumsum(axis=0) for sample in range(len(constant))]
    return np.asarray(np.stack(sums) + constant[:, None] * np.arange(1.0, steps + 1)[:, None])


def recorded(
    network: Unrolled,
    trains: Mapping[str, SpikeTrain],
    readout: Array,
    probes: Probes,
    potentials: Mapping[str, Array] | None = None,
) -> Recording:
    """Return the recording of a run.

    ``trains``: the spikes of every spiking node, counted from step 1 of that population.  ``readout``: V of the output
    after every step, (batch, steps, units).  ``potentials``: what the probes ask for, (batch, steps, units).
    """
    graph, (samples, steps) = network.graph, readout.shape[:2]
    op = graph[graph.outputs[0]].op
    assert isinstance(op, Readout)
    counts = {}
    for name in spiking_nodes(graph):
        train, units = trains[name], network[name].units
        place = np.asarray(train.sample, np.int64) * units + train.unit
        counts[name] = np.bincount(place, minlength=samples * units).reshape(samples, units).astype(np.int32)
    return Recording(
        times=np.arange(1, steps + 1),
        scores=scores(op, readout.astype(np.float32).reshape(samples, steps, *graph.shapes[graph.outputs[0]])).reshape(
            samples, steps, -1
        ),
        spike_counts=counts,
        synaptic_operations=synaptic_operations(graph, counts) if counts else np.zeros(samples, np.int64),
        spikes={name: ordered(trains[name]) for name in probes.spikes},
        potentials={} if potentials is None else dict(potentials),
        operations=operations_by_step(graph, trains, samples, steps) if probes.operations else {},
    )


def ordered(train: SpikeTrain) -> SpikeTrain:
    """Return a train ordered by sample, then time, then unit."""
    order = np.lexsort((train.unit, train.time, train.sample))
    return SpikeTrain(*(np.asarray(part)[order].astype(np.int32) for part in (train.sample, train.time, train.unit)))
