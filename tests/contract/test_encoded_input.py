"""Input as spikes is the same on every simulator: regular and random spikes, of inputs of one sign and of both."""

from __future__ import annotations

import numpy as np
import pytest

from snntk_core import Context, Graph, IntegrateFire, Runnable, Simulator
from snntk_core.errors import MissingLibrary
from snntk_core.registry import Registry
from snntk_core.testing.resets import fitted, resetting_to_zero
from snntk_core.testing.spiking_graphs import exact_batch, perceptron
from snntk_core.testing.stepped_reference import simulate_plainly
from snntk_core.testing.support_matrix import spiking_targets

REGISTRY = Registry.discover()
SIMULATORS = [
    s for s in spiking_targets(found for _, found in REGISTRY.simulators.items()) if s.clock == "stepped"
]  # those that write networks run nothing
STEPS = 20


def encoded(encoding: str, batch: np.ndarray) -> Graph:
    options = {"encoding": encoding, "rate": 500, "peak": 2.0, "signed": bool(batch.min() < 0), "seed": 5}
    return REGISTRY.transforms["encode-input"].configure(options).apply(perceptron(), Context())


def test_neurons_that_reset_to_zero_stand_behind_encoders_that_subtract_as_a_recipe_has_it() -> None:
    batch = exact_batch(perceptron(), 3)
    for graph in (encoded("regular", batch), encoded("regular", np.abs(batch))):
        changed = {node.name: node.op.reset for node in resetting_to_zero(graph) if isinstance(node.op, IntegrateFire)}
        assert {name for name, reset in changed.items() if reset == "zero"} == {"neuron1", "neuron2"}
        assert all(name.startswith("input_") for name, reset in changed.items() if reset == "subtract")
        assert "subtract" in changed.values()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("encoding", ["regular", "poisson"])
@pytest.mark.parametrize("simulator", SIMULATORS, ids=lambda simulator: simulator.name)
def test_spikes_are_those_of_the_plain_loop(simulator: type[Simulator], encoding: str, signed: bool) -> None:
    batch = exact_batch(perceptron(), 3) if signed else np.abs(exact_batch(perceptron(), 3))
    graph = fitted(simulator, encoded(encoding, batch)).verify()
    assert not simulator.capabilities.check(graph)
    try:
        simulator.require()
        program = simulator().compile(graph)
    except MissingLibrary as error:
        pytest.skip(str(error))
    assert isinstance(program, Runnable)
    with program:
        got = program.run(batch, duration=STEPS)
    expected = simulate_plainly(graph, batch, STEPS)
    for name, counts in expected.counts.items():
        np.testing.assert_array_equal(got.spike_counts[name], counts, err_msg=name)
    assert expected.counts["input_negative" if signed else "input_spikes"].any()
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-5)
