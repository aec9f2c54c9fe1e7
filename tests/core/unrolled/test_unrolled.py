"""Populations and single synapses say what the graph says: each run on its own, they give the spikes of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import encoded_networks, spiking_networks

from snntk_core import (
    Array,
    Conv2D,
    Graph,
    IntegrateFire,
    Node,
    Probes,
    Readout,
    Scale,
    SpikeSource,
    SpikingMaxPool,
)
from snntk_core.connectivity import fan_out, spiking_nodes
from snntk_core.ops import LinearOp
from snntk_core.reference import as_batch
from snntk_core.reference.neuron import initial_state, step
from snntk_core.registry import Registry
from snntk_core.shapes import size
from snntk_core.simulator import SpikeTrain
from snntk_core.testing.spiking_graphs import exact_batch, networks, neuron_examples, op_examples
from snntk_core.unrolled import driven, given_train, plain_pools, pooled_train, readout_potentials, recorded, unroll
from snntk_core.unrolled import given as given_before
from snntk_core.unrolled.linear_maps import synapses_of

STEPS = 8
NUMPY = Registry.discover().simulators["numpy"]
EXAMPLES = {op.__name__: graph for op, graph in op_examples().items() if op in NUMPY.capabilities.ops}
GRAPHS = {**EXAMPLES, **neuron_examples(), **networks()}


def one_by_one(graph: Graph, batch: Array, probes: Probes):
    """Run an unrolled network, a population after the other: there are no loops in it."""
    network, trains = unroll(graph), {}
    batch = as_batch(graph, batch)
    currents = network.currents(batch)
    for population in network.populations:
        if given_before(graph, population.name):
            trains[population.name] = given_train(network, population.name, batch, STEPS)
        elif isinstance(population.op, SpikingMaxPool):
            trains[population.name] = pooled_train(network, population.name, trains, len(batch), STEPS)
        elif isinstance(population.op, IntegrateFire):
            trains[population.name] = _fired(network, population, trains, currents[population.name])
    readout = readout_potentials(network, graph.outputs[0], trains, currents, STEPS)
    return recorded(network, trains, readout, probes)


def _fired(network, population, trains, constant):
    shape = network.graph.shapes[population.name]
    found = []
    for sample, steady in enumerate(constant):
        state = initial_state(population.op, shape, np.dtype(np.float64))
        current = driven(network, population.name, trains, sample, STEPS) + steady
        for time in range(STEPS):
            unit = np.flatnonzero(step(population.op, state, current[time].reshape(shape)))
            found.append((np.full(len(unit), sample), np.full(len(unit), time + 1), unit))
    return SpikeTrain(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def assert_like_numpy(graph: Graph, batch: Array) -> None:
    """Every spike, score and count is that of the numpy simulator."""
    probes = Probes(spikes=spiking_nodes(graph), operations=True)
    with NUMPY().compile(graph) as program:
        expected = program.run(batch, duration=STEPS, probes=probes)
    got = one_by_one(graph, batch, probes)
    for name, train in expected.spikes.items():
        for part in ("sample", "time", "unit"):
            np.testing.assert_array_equal(getattr(got.spikes[name], part), getattr(train, part), err_msg=name)
        np.testing.assert_array_equal(got.spike_counts[name], expected.spike_counts[name])
        np.testing.assert_array_equal(got.operations[name], expected.operations[name])
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-6)


def unrollable(graph: Graph) -> bool:
    """Whether every pool reads spikes that carry the same within a channel."""
    return not any(issue for node in graph for issue in plain_pools(graph, node))


@pytest.mark.parametrize("title", [title for title, graph in GRAPHS.items() if unrollable(graph)])
def test_gives_the_spikes_of_the_graph(title):
    graph = GRAPHS[title]
    assert_like_numpy(graph, exact_batch(graph, 2))


@settings(max_examples=60, deadline=None)
@given(st.one_of(spiking_networks(), encoded_networks()).filter(unrollable), st.integers(0, 2**16))
def test_gives_the_spikes_of_random_networks(graph, seed):
    random = np.random.default_rng(seed)
    batch = (random.integers(-4, 9, (2, *graph.source.op.shape)) / 4).astype(np.float32)
    assert_like_numpy(graph, batch)


@settings(max_examples=60, deadline=None)
@given(spiking_networks())
def test_the_rule_of_an_op_gives_what_probing_unit_by_unit_gives(graph):
    probe = synapses_of.dispatch(LinearOp)
    for node in graph:
        if not isinstance(node.op, LinearOp):
            continue
        shapes = tuple(graph.shapes[name] for name in node.inputs)
        for position in range(len(shapes)):
            got, expected = (rule(node.op, position, shapes).merged() for rule in (synapses_of, probe))
            assert got.units == expected.units == size(graph.shapes[node.name])
            np.testing.assert_array_equal(got.before, expected.before)
            np.testing.assert_array_equal(got.after, expected.after)
            np.testing.assert_allclose(got.weight, expected.weight, atol=1e-6)


def test_synapses_are_as_many_as_the_graph_counts():
    weight = np.random.default_rng(7).integers(1, 9, (3, 3, 2, 4)).astype(np.float32)
    nodes = (
        Node("input", SpikeSource((6, 6, 2))),
        Node("neurons", IntegrateFire(), ("input",)),
        Node("convolution", Conv2D(weight, strides=(2, 2), padding="same"), ("neurons",)),
        Node("readout", Readout(), ("convolution",)),
    )
    (projection,) = unroll(Graph(nodes)).projections
    assert len(projection.weight) == fan_out(Graph(nodes), "neurons").sum()


def test_a_pool_of_sums_is_refused_by_name():
    nodes = (
        Node("input", SpikeSource((4, 4, 1))),
        Node("neurons", IntegrateFire(), ("input",)),
        Node("scaled", Scale(np.linspace(0, 1, 16).reshape(4, 4, 1)), ("neurons",)),
        Node("pool", SpikingMaxPool((2, 2)), ("scaled",)),
        Node("readout", Readout(), ("pool",)),
    )
    graph = Graph(nodes)
    (issue,) = [issue for node in graph for issue in plain_pools(graph, node)]
    assert issue.node == "pool"
    assert "scaled" in issue.problem
    assert issue.remedy
