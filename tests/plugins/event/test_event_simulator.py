"""The event engine gives what numpy gives: every spike of every layer in every step, on arithmetic that is exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import spiking_networks

from snntk_core import Graph, IntegrateFire, Probes, Readout
from snntk_core.connectivity import spiking_nodes
from snntk_core.registry import Registry
from snntk_core.simulator import Recording
from snntk_core.testing.spiking_graphs import exact_batch, networks, neuron_examples, op_examples

pytest.importorskip("numba", reason="the event engine needs numba: pip install 'snntk[event]'")

SIMULATORS = Registry.discover().simulators
EVENT, NUMPY = SIMULATORS["event"], SIMULATORS["numpy"]
GRAPHS = {
    **{op.__name__: graph for op, graph in op_examples().items() if op in EVENT.capabilities.ops},
    **neuron_examples(),
    **networks(),
}


def everything(graph: Graph) -> Probes:
    """Return probes for all that can be recorded."""
    holding = tuple(node.name for node in graph if isinstance(node.op, IntegrateFire | Readout))
    return Probes(spikes=spiking_nodes(graph), potentials=holding, operations=True)


def assert_same(got: Recording, expected: Recording) -> None:
    """Every spike, potential and count is equal, and scores are to rounding."""
    for name, counts in expected.spike_counts.items():
        np.testing.assert_array_equal(got.spike_counts[name], counts, err_msg=name)
    for name, train in expected.spikes.items():
        for part in ("sample", "time", "unit"):
            np.testing.assert_array_equal(getattr(got.spikes[name], part), getattr(train, part), err_msg=name)
    for name, potential in expected.potentials.items():
        np.testing.assert_array_equal(got.potentials[name], potential, err_msg=name)
    for name, operations in expected.operations.items():
        np.testing.assert_array_equal(got.operations[name], operations, err_msg=name)
    np.testing.assert_array_equal(got.synaptic_operations, expected.synaptic_operations)
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-6)


@pytest.mark.parametrize("title", GRAPHS)
def test_equals_numpy_in_every_spike_and_potential(title):
    graph = GRAPHS[title]
    batch, probes = exact_batch(graph), everything(graph)
    with NUMPY().compile(graph) as program:
        expected = program.run(batch, duration=40, probes=probes)
    with EVENT().compile(graph) as program:
        got = program.run(batch, duration=40, probes=probes)
    assert_same(got, expected)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(spiking_networks(), st.integers(1, 4), st.integers(1, 70), st.integers(0, 2**16), st.integers(0, 3))
def test_equals_numpy_on_random_networks(graph, samples, steps, seed, brightness):
    batch = exact_batch(graph, samples, seed) * (0, 0.5, 1, 4)[brightness]
    with NUMPY().compile(graph) as program:
        expected = program.run(batch, duration=steps, probes=everything(graph))
    for way in ("auto", "events", "dense"):
        with EVENT(way=way).compile(graph) as program:
            assert_same(program.run(batch, duration=steps, probes=everything(graph)), expected)
