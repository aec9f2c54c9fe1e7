"""Neurons that encode the input: which these are, and that the host knows of them what numpy says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from snntk_core import (
    Add,
    AveragePool,
    Dense,
    Flatten,
    Graph,
    Identity,
    IntegrateFire,
    Node,
    Op,
    Pad,
    PoissonSpikes,
    Probes,
    Readout,
    Reshape,
    Scale,
    SpikeSource,
    Transpose,
)
from snntk_core.reference import as_batch
from snntk_core.registry import Registry
from snntk_core.testing.spiking_graphs import exact, networks, perceptron
from snntk_core.testing.support_matrix import regular_spikes
from snntk_core.unrolled import given, given_potentials, given_train, unroll

NUMPY = Registry.discover().simulators["numpy"]
STEPS = 12
KEEPING = (Identity(), Scale(exact(2, seed=3), exact(2, seed=4)), Transpose((2, 0, 1)), Flatten(), Reshape((8, 4)))


def behind(*ops: Op, neuron: Op | None = None, order: tuple[int, ...] = ()) -> Graph:
    """Return a network with neurons behind the source and these ops."""
    nodes = [Node("input", SpikeSource((4, 4, 2), order))]
    for number, op in enumerate(ops):
        nodes.append(Node(f"op{number}", op, (nodes[-1].name,)))
    nodes.append(Node("neurons", IntegrateFire() if neuron is None else neuron, (nodes[-1].name,)))
    return Graph((*nodes, Node("readout", Readout(), ("neurons",))))


@pytest.mark.parametrize("ops", [(), *((op,) for op in KEEPING), (Identity(), Transpose((2, 0, 1)), Flatten())])
def test_neurons_behind_the_source_without_synapses_are_given(ops):
    assert given(behind(*ops), "neurons")
    assert given(behind(*ops, neuron=PoissonSpikes()), "neurons")


@pytest.mark.parametrize("op", [Dense(exact(2, 2)), AveragePool((2, 2)), Pad(((1, 1), (0, 0), (0, 0)))])
def test_neurons_behind_synapses_are_not(op):
    assert not given(behind(op), "neurons")
    assert not given(behind(Identity(), op), "neurons")


def test_neurons_behind_others_or_a_sum_and_other_nodes_are_not():
    nodes = (
        Node("input", SpikeSource((4,))),
        Node("first", IntegrateFire(), ("input",)),
        Node("second", IntegrateFire(), ("first",)),
        Node("both", Add(), ("input", "first")),
        Node("third", IntegrateFire(), ("both",)),
        Node("readout", Readout(), ("third",)),
    )
    graph = Graph(nodes)
    assert [node.name for node in graph if given(graph, node.name)] == ["first"]
    for network in (perceptron(), networks()["convolutional"]):
        assert not any(given(network, node.name) for node in network)
    encoded = regular_spikes(perceptron())
    assert [node.name for node in encoded if given(encoded, node.name)] == ["positive", "negative"]


def neurons() -> st.SearchStrategy[IntegrateFire]:
    """Draw neurons of any kind, with numbers that float32 rounds."""
    numbers = st.floats(0.125, 2, width=32)
    return st.builds(
        IntegrateFire,
        numbers.map(np.float32),
        st.floats(-1, 2, width=32).map(np.float32),
        st.none() | numbers.map(np.float32),
        st.sampled_from(["subtract", "zero"]),
        st.sampled_from([0.0, 0.1]),
        st.sampled_from([0, 2]),
    )


@settings(max_examples=30, deadline=None)
@drawn(
    neurons(), st.lists(st.sampled_from(KEEPING[:3]), max_size=2), st.sampled_from([(), (1, 2, 0)]), st.integers(0, 9)
)
def test_spikes_and_potentials_are_those_of_numpy(neuron, ops, order, seed):
    ops = [op for op in ops if not isinstance(op, Scale)] if order else ops[:1]
    graph = behind(*ops, neuron=neuron, order=order)
    batch = np.random.default_rng(seed).normal(0.3, 0.8, (3, 4, 4, 2)).astype(np.float32)
    with NUMPY().compile(graph) as program:
        expected = program.run(batch, duration=STEPS, probes=Probes(spikes=("neurons",), potentials=("neurons",)))
    network, inner = unroll(graph), as_batch(graph, batch)
    train = given_train(network, "neurons", inner, STEPS)
    for part in ("sample", "time", "unit"):
        np.testing.assert_array_equal(getattr(train, part), getattr(expected.spikes["neurons"], part))
        assert getattr(train, part).dtype == np.int32
    potentials = given_potentials(network, "neurons", inner, STEPS)
    np.testing.assert_array_equal(potentials, expected.potentials["neurons"])
    longer = given_train(network, "neurons", inner[1:2], 2 * STEPS)
    first, mine = longer.time <= STEPS, train.sample == 1
    np.testing.assert_array_equal(longer.unit[first], train.unit[mine])
