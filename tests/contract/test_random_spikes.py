"""Random spikes are the same on every simulator, alone and in any batch, and a longer run begins with a shorter one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import encoded_networks

from snntk_core import Graph, PoissonSpikes, Probes, Simulator
from snntk_core.connectivity import spiking_nodes
from snntk_core.simulator import Recording
from snntk_core.testing.spiking_graphs import exact_batch, op_examples
from snntk_event.simulator import EventSimulator
from snntk_numpy.simulator import NumpySimulator
from snntk_torchsim.simulator import TorchSimulator

SIMULATORS = [NumpySimulator, EventSimulator, TorchSimulator]


@pytest.fixture(autouse=True)
def library(request: pytest.FixtureRequest) -> None:
    for needed in request.getfixturevalue("simulator").requires if "simulator" in request.fixturenames else ():
        pytest.importorskip(needed, reason=f"{needed} is not installed")


def run(simulator: type[Simulator], graph: Graph, batch: np.ndarray, steps: int) -> Recording:
    probes = Probes(spikes=spiking_nodes(graph), operations=True)
    with simulator().compile(graph) as program:
        return program.run(batch, duration=steps, probes=probes)  # type: ignore[attr-defined]


def assert_same(got: Recording, expected: Recording) -> None:
    for name, train in expected.spikes.items():
        for part in ("sample", "time", "unit"):
            np.testing.assert_array_equal(getattr(got.spikes[name], part), getattr(train, part), err_msg=name)
        np.testing.assert_array_equal(got.spike_counts[name], expected.spike_counts[name], err_msg=name)
        np.testing.assert_array_equal(got.operations[name], expected.operations[name], err_msg=name)
    np.testing.assert_array_equal(got.synaptic_operations, expected.synaptic_operations)
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-6)


@pytest.mark.parametrize("simulator", SIMULATORS[1:])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(encoded_networks(), st.integers(1, 4), st.sampled_from([1, 7, 33, 70]))
def test_spike_for_spike_as_numpy(simulator: type[Simulator], graph: Graph, samples: int, steps: int) -> None:
    batch = exact_batch(graph, samples)
    assert_same(run(simulator, graph, batch, steps), run(NumpySimulator, graph, batch, steps))


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_alone_as_in_a_batch(simulator: type[Simulator]) -> None:
    graph = op_examples()[PoissonSpikes]
    batch = exact_batch(graph, 6)
    together = run(simulator, graph, batch, 40)
    for index in (0, 3, 5):
        alone, train = run(simulator, graph, batch[index : index + 1], 40), together.spikes["op"]
        mine = train.sample == index
        assert len(alone.spikes["op"].time) > 0
        np.testing.assert_array_equal(alone.spikes["op"].time, train.time[mine])
        np.testing.assert_array_equal(alone.spikes["op"].unit, train.unit[mine])


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_longer_run_begins_with_a_shorter_one(simulator: type[Simulator]) -> None:
    graph = op_examples()[PoissonSpikes]
    batch = exact_batch(graph, 2)
    short, long = (run(simulator, graph, batch, steps) for steps in (9, 50))
    np.testing.assert_array_equal(long.scores[:, :9], short.scores)
    begun = long.spikes["op"].time <= 9
    np.testing.assert_array_equal(long.spikes["op"].unit[begun], short.spikes["op"].unit)
