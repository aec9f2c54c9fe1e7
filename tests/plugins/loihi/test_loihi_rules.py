"""What Loihi does not hold is refused by name, each with a remedy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snntk_core import (
    Add,
    AveragePool,
    Context,
    Conv2D,
    Dense,
    Graph,
    IntegrateFire,
    Node,
    Readout,
    Relu,
    Scale,
    SpikeSource,
    SpikingMaxPool,
)
from snntk_core.errors import Incompatible
from snntk_loihi import placement, rules
from snntk_loihi.limits import Core
from snntk_loihi.simulator import LoihiSimulator
from snntk_loihi.transform import LoihiGrid

FIRE = IntegrateFire(reset="zero")


def current(units: int = 4) -> Dense:
    """What makes of neurons behind the source a layer on cores: without synapses they encode the input."""
    return Dense(np.eye(units, dtype=np.float32))


def chain(*ops, shape=(4,)) -> Graph:
    nodes = [Node("n0", SpikeSource(shape))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"n{number}", op, (f"n{number - 1}",)))
    return Graph((*nodes, Node("out", Readout(), (nodes[-1].name,))))


def only_issue(graph: Graph):
    (issue,) = LoihiSimulator.capabilities.check(graph)
    assert issue.remedy
    with pytest.raises(Incompatible, match=issue.node):
        LoihiSimulator().compile(graph)
    return issue


def test_a_reset_by_subtraction():
    issue = only_issue(chain(FIRE, Dense(np.eye(4, dtype=np.float32)), replace(FIRE, reset="subtract")))
    assert (issue.node, "subtraction" in issue.problem, "rate.reset=zero" in issue.remedy) == ("n3", True, True)


def test_a_leak():
    issue = only_issue(chain(current(), replace(FIRE, leak=0.5)))
    assert (issue.node, "leaks" in issue.problem) == ("n2", True)


def test_a_long_refractory_period():
    assert not LoihiSimulator.capabilities.check(chain(current(), replace(FIRE, refractory=62)))
    issue = only_issue(chain(current(), replace(FIRE, refractory=63)))
    assert (issue.node, "63 steps" in issue.problem) == ("n2", True)


def test_many_thresholds():
    thresholds = (np.arange(9) / 8 + 1).astype(np.float32)
    assert not LoihiSimulator.capabilities.check(chain(current(8), replace(FIRE, threshold=thresholds[:8]), shape=(8,)))
    issue = only_issue(chain(current(9), replace(FIRE, threshold=thresholds), shape=(9,)))
    assert (issue.node, "9 different thresholds" in issue.problem) == ("n2", True)


def test_neurons_that_encode_the_input_are_on_no_core():
    """Their spikes are given to the cores, so nothing of what a core cannot hold is said of them."""
    odd = IntegrateFire(np.arange(1, 10, dtype=np.float32), leak=0.5, refractory=63)
    layer = Dense(np.ones((9, 2), np.float32))
    assert not LoihiSimulator.capabilities.check(chain(odd, layer, FIRE, shape=(9,)))
    issue = only_issue(chain(odd, layer, FIRE, replace(FIRE, reset="subtract"), shape=(9,)))
    assert (issue.node, "subtraction" in issue.problem) == ("n4", True)


def test_means_over_nine():
    """A ninth has no end as a binary fraction; a quarter has."""
    weight = np.array([0.7, 0.5, 0.3, 0.2], np.float32).reshape(2, 2, 1, 1)
    for kernel, refused in (((2, 2), False), ((3, 3), True)):
        graph = chain(FIRE, AveragePool(kernel), Conv2D(weight), FIRE, shape=(12, 12, 1))
        if refused:
            issue = only_issue(graph)
            assert (issue.node, "no unit in common" in issue.problem) == ("n4", True)
        else:
            assert not LoihiSimulator.capabilities.check(graph)


def test_a_threshold_far_above_and_far_below_the_others():
    issue = only_issue(chain(current(), replace(FIRE, threshold=np.array([1, 1, 1, 1e-6], np.float32))))
    assert (issue.node, "no unit in common" in issue.problem) == ("n2", True)


def test_weights_too_small_beside_others():
    nodes = (
        Node("input", SpikeSource((4,))),
        Node("fire", FIRE, ("input",)),
        Node("large", Scale(np.full(4, 1000, np.float32)), ("fire",)),
        Node("small", Scale(np.full(4, 0.001, np.float32)), ("fire",)),
        Node("sum", Add(), ("large", "small")),
        Node("fire2", FIRE, ("sum",)),
        Node("readout", Readout(), ("fire2",)),
    )
    issue = only_issue(Graph(nodes))
    assert (issue.node, "too small" in issue.problem) == ("small", True)


def test_many_connections_to_a_neuron():
    for inputs, refused in ((4096, False), (4097, True)):
        graph = chain(FIRE, Dense(np.full((inputs, 1), 1 / 64, np.float32)), FIRE, shape=(inputs,))
        if refused:
            issue = only_issue(graph)
            assert (issue.node, "4097 others" in issue.problem) == ("n3", True)
        else:
            assert not LoihiSimulator.capabilities.check(graph)


def test_many_cores_behind_a_neuron(monkeypatch):
    """With cores of two axons and two compartments: a layer of eight lies on four of them."""
    graph = chain(current(1), FIRE, Dense(np.ones((1, 8), np.float32)), FIRE, shape=(1,))
    small = Core(compartments=2, axons=2)
    monkeypatch.setattr(placement, "CORE", small)
    monkeypatch.setattr(rules, "CORE", small)
    issue = only_issue(graph)
    assert (issue.node, "a spike goes to 4 cores" in issue.problem) == ("n2", True)


def test_more_synapses_than_are_listed(monkeypatch):
    graph = chain(FIRE, Dense(np.ones((4, 6), np.float32)), FIRE, Dense(np.ones((6, 2), np.float32)))
    monkeypatch.setattr(rules, "MOST_SYNAPSES", 36)
    assert not LoihiSimulator.capabilities.check(graph)
    monkeypatch.setattr(rules, "MOST_SYNAPSES", 35)
    issue = only_issue(graph)
    assert (issue.node, "24 synapses, the network 36" in issue.problem) == ("n2", True)
    with pytest.raises(Incompatible, match="36 between its neurons"):
        LoihiGrid().apply(graph, Context())


def test_a_pool_of_sums():
    scale = Scale(np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4, 1))
    issue = only_issue(chain(FIRE, scale, SpikingMaxPool((2, 2)), shape=(4, 4, 1)))
    assert (issue.node, "no layer of spikes" in issue.problem) == ("n3", True)


def test_something_behind_the_readout_and_a_second_output():
    nodes = (*chain(FIRE).nodes, Node("again", FIRE, ("out",)), Node("last", Readout(), ("again",)))
    assert [issue.node for issue in LoihiSimulator.capabilities.check(Graph(nodes))] == ["out"]
    nodes = (*chain(FIRE).nodes, Node("second", Readout(), ("n1",)))
    found = LoihiSimulator.capabilities.check(Graph(nodes, ("out", "second")))
    assert [issue.node for issue in found] == ["second"]


def test_what_is_no_spiking_network_is_refused_without_a_look_at_its_grid():
    graph = chain(Relu())
    assert [issue.node for issue in LoihiSimulator.capabilities.check(graph)] == ["n1"]


def test_every_rule_has_a_sentence():
    for rule in rules.CAPABILITIES.rules:
        assert (rule.__doc__ or "").strip().endswith(".")
