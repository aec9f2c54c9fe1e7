"""The NEST simulator against numpy: every spike of every layer and step, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import encoded_networks, spiking_networks
from recordings import assert_alike, everything

from snntk_core import (
    Add,
    AveragePool,
    Concat,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Graph,
    IntegrateFire,
    Node,
    Probes,
    Readout,
    Scale,
    SpikeSource,
    SpikingMaxPool,
)
from snntk_core.errors import DataError, Incompatible, MissingLibrary, OptionError, UnknownName
from snntk_core.testing.spiking_graphs import exact, exact_batch, networks, neuron_examples, op_examples
from snntk_nest.simulator import NestSimulator
from snntk_numpy.simulator import NumpySimulator

pytest.importorskip("nest", reason="nest-simulator is not installed")

STEPS = 8


def taken(graph: Graph) -> bool:
    return not NestSimulator.capabilities.check(graph)


def to_zero(graph: Graph) -> Graph:
    """The same network with every neuron reset to zero."""
    nodes = (
        replace(node, op=replace(node.op, reset="zero")) if isinstance(node.op, IntegrateFire) else node
        for node in graph
    )
    return Graph(tuple(nodes), graph.outputs)


EXAMPLES = {
    **{op.__name__: graph for op, graph in op_examples().items() if op in NestSimulator.capabilities.ops},
    **neuron_examples(),
    **networks(),
}
GRAPHS = {
    **{title: graph for title, graph in EXAMPLES.items() if taken(graph)},
    **{f"{title}, to zero": to_zero(graph) for title, graph in {**neuron_examples(), **networks()}.items()},
}


def run(graph, batch, steps=STEPS, probes=None, **options):
    with NestSimulator(**options).compile(graph) as program:
        return program.run(np.asarray(batch, np.float32), duration=steps, probes=probes or Probes())


def assert_like_numpy(graph, batch, steps=STEPS, **options):
    """Everything recorded is what numpy records: spike for spike and bit for bit."""
    probes = everything(graph)
    expected = NumpySimulator(workers=1).compile(graph).run(batch, duration=steps, probes=probes)
    assert_alike(run(graph, batch, steps, probes, **options), expected)


@pytest.mark.parametrize("title", GRAPHS)
def test_everything_recorded_is_that_of_numpy(title):
    graph = GRAPHS[title]
    assert_like_numpy(graph, exact_batch(graph, 3), part=2)


@settings(max_examples=10, deadline=None)
@given(
    st.one_of(spiking_networks(), encoded_networks()).filter(taken), st.integers(0, 2**16), st.sampled_from([1, 3, 8])
)
def test_random_networks_are_equal_spike_for_spike(graph, seed, delay):
    random = np.random.default_rng(seed)
    batch = (random.integers(-4, 9, (2, *graph.source.op.shape)) / 4).astype(np.float32)
    assert_like_numpy(graph, batch, delay=delay)


def branching(reset: str, rule: str, refractory: int = 0, leak: float = 0.0) -> Graph:
    """Shortcuts, one of them of current and one around a pool, strides, a depthwise convolution and max pooling."""
    neuron = IntegrateFire(np.float32(1), np.float32(0.5), reset=reset, refractory=refractory, leak=leak)
    nodes = (
        Node("input", SpikeSource((2, 8, 8), (1, 2, 0))),
        Node("conv1", Conv2D(exact(3, 3, 2, 4, seed=1), exact(4, seed=2), padding="same"), ("input",)),
        Node("fire1", neuron, ("conv1",)),
        Node("depthwise", DepthwiseConv2D(exact(3, 3, 4, 1, seed=3), None, padding="same"), ("fire1",)),
        Node("sum", Add(), ("depthwise", "conv1")),
        Node("fire2", neuron, ("sum",)),
        Node("pool", SpikingMaxPool((2, 2), rule=rule), ("fire2",)),
        Node("strided", Conv2D(exact(3, 3, 4, 4, seed=4), None, (2, 2), "same"), ("fire1",)),
        Node("more", Add(), ("strided", "pool")),
        Node("fire5", neuron, ("more",)),
        Node("both", Concat(), ("pool", "fire5")),
        Node("conv2", Conv2D(exact(2, 2, 8, 6, seed=5), exact(6, seed=6), padding="same"), ("both",)),
        Node("fire3", neuron, ("conv2",)),
        Node("pool2", SpikingMaxPool((2, 2), rule=rule), ("fire3",)),
        Node("flat", Flatten(), ("pool2",)),
        Node("dense", Dense(exact(24, 3, seed=7)), ("flat",)),
        Node("fire4", neuron, ("dense",)),
        Node("readout", Readout(), ("fire4",)),
    )
    return Graph(nodes)


@pytest.mark.parametrize("rule", ["count", "gate"])
@pytest.mark.parametrize(
    "neuron",
    [("subtract",), ("zero",), ("zero", 2), ("zero", 0, 0.5), ("zero", 1, 0.5)],
    ids=["subtraction", "zero", "refractory", "leak", "both"],
)
def test_branches_strides_and_pools_are_equal_spike_for_spike(neuron, rule):
    graph = branching(neuron[0], rule, *neuron[1:])
    assert_like_numpy(graph, exact_batch(graph, 5), 16, part=2)


@pytest.mark.parametrize(
    "options",
    [{"part": 1}, {"part": 3}, {"delay": 1}, {"delay": 5}, {"resolution": 0.1}, {"resolution": 0.125, "delay": 3}],
    ids=str,
)
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_spikes_do_not_depend_on_options(options, reset):
    graph = branching(reset, "count")
    assert_like_numpy(graph, exact_batch(graph, 4), 12, **options)


def test_nothing_happens_after_a_thousand_steps():
    """NEST's e-prop neurons forget their potential every second of its time unless told not to."""
    graph = networks()["perceptron"]
    assert_like_numpy(graph, exact_batch(graph, 2), 1100)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_threads_share_the_neurons_and_give_the_same(reset):
    """With several threads NEST lists the synapses of each sample's current in another order."""
    graph = networks()["residual"] if reset == "subtract" else to_zero(networks()["residual"])
    assert_like_numpy(graph, exact_batch(graph, 4), 3, threads=4)


def test_refractory_neurons_hear_nothing_and_wait_as_long_as_they_say():
    nodes = (
        Node("input", SpikeSource((3,))),
        Node("fire", IntegrateFire(reset="zero", refractory=3), ("input",)),
        Node("readout", Readout(), ("fire",)),
    )
    recording = run(Graph(nodes), [[1.0, 0.5, 5.0]], 10, Probes(spikes=("fire",)), delay=1)
    train = recording.spikes["fire"]
    assert [train.time[train.unit == unit].tolist() for unit in range(3)] == [[1, 5, 9], [2, 7], [1, 5, 9]]


def test_a_program_runs_again_and_again():
    """No spike, potential or refractory time of a run is left for the next one, nor of a sample for the next."""
    graph = branching("zero", "count", 2)
    batch = exact_batch(graph, 3)
    with NestSimulator().compile(graph) as program:
        first = program.run(batch, duration=5)
        program.run(8 * np.abs(batch), duration=3)
        again = program.run(batch, duration=5)
        probed = program.run(batch, duration=5, probes=everything(graph))
        last = program.run(batch[1:2], duration=5)
    for name, counts in first.spike_counts.items():
        assert np.array_equal(again.spike_counts[name], counts)
        assert np.array_equal(probed.spike_counts[name], counts)
        assert np.array_equal(last.spike_counts[name], counts[1:2])


def test_chosen_units_of_a_potential_in_the_order_asked_for():
    graph = networks()["convolutional"]
    batch, units = exact_batch(graph, 3), (3, 1, 40, 1)
    whole = run(graph, batch, 6, Probes(potentials=("neuron2", "neuron1", "readout")), part=2)
    chosen = {"neuron1": units, "readout": (2, 0)}
    some = run(graph, batch, 6, Probes(potentials=("neuron1", "readout"), units=chosen), part=2)
    none = run(graph, batch, 6, Probes(potentials=("neuron1",), units={"neuron1": ()}), part=2)
    for name, asked in chosen.items():
        assert np.array_equal(some.potentials[name], whole.potentials[name][:, :, list(asked)])
    assert none.potentials["neuron1"].shape == (3, 6, 0)


def chain(shape, *ops):
    nodes = [Node("n0", SpikeSource(shape))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"n{number}", op, (f"n{number - 1}",)))
    return Graph((*nodes, Node("out", Readout(), (nodes[-1].name,))))


def test_a_graph_without_neurons_is_its_readout():
    recording = run(chain((4,), Scale(0.5), Dense(np.ones((4, 2)))), np.ones((3, 4)), 5)
    assert (recording.scores == 2).all()
    assert recording.synaptic_operations.tolist() == [0, 0, 0]


def test_a_spike_that_carries_nothing_is_still_a_spike():
    graph = chain((2,), IntegrateFire(amplitude=np.array([0.0, 1.0])))
    recording = run(graph, [[1.0, 1.0]], 4, Probes(spikes=("n1",)))
    assert recording.spike_counts["n1"].tolist() == [[4, 4]]
    assert recording.spikes["n1"].unit.tolist() == [0, 1] * 4


def test_it_says_what_to_install_without_nest(monkeypatch):
    monkeypatch.setattr(NestSimulator, "missing", classmethod(lambda cls: ("nest",)))
    with pytest.raises(MissingLibrary, match=r'pip install "snntk\[nest\]"'):
        NestSimulator().compile(networks()["perceptron"])


def test_it_names_what_it_cannot_take():
    graph = networks()["perceptron"]
    with pytest.raises(UnknownName, match="Did you mean 'neuron1'"):
        run(graph, exact_batch(graph), 2, Probes(spikes=("neuron_1",)))
    with pytest.raises(DataError, match="no samples"):
        run(graph, exact_batch(graph)[:0], 2)
    with pytest.raises(DataError, match="steps"):
        run(graph, exact_batch(graph), 2.5)
    for options, problem in (
        ({"threads": 0}, "threads takes 1 to 512, got 0"),
        ({"delay": 100_000}, "delay takes 1 to 1000, got 100000"),
        ({"part": -1}, "part takes 0 to 4096, got -1"),
        ({"resolution": 0.0001}, r"multiples of 0\.001 ms"),
        ({"resolution": 0.0015}, r"multiples of 0\.001 ms"),
        ({"resolution": 2000.0}, "up to one second"),
    ):
        with pytest.raises(OptionError, match=problem):
            NestSimulator.configure(options)


def pooled(*before: Node) -> Graph:
    nodes = (Node("input", SpikeSource((8, 8, 1))), *before, Node("op", SpikingMaxPool((2, 2)), (before[-1].name,)))
    return Graph((*nodes, Node("readout", Readout(), ("op",))))


def neurons(op: IntegrateFire) -> Graph:
    return Graph((Node("input", SpikeSource((4,))), Node("op", op, ("input",)), Node("readout", Readout(), ("op",))))


FIRE = Node("fire", IntegrateFire(), ("input",))
REFUSED = {
    "leak with subtraction": (neurons(IntegrateFire(leak=0.5)), "leaks and resets by subtraction"),
    "refractory with subtraction": (neurons(IntegrateFire(refractory=1)), "refractory and resets by subtraction"),
    "pooled sums": (pooled(FIRE, Node("sum", AveragePool((2, 2)), ("fire",))), "no layer of spikes"),
    "pooled negative spikes": (
        pooled(Node("fire", IntegrateFire(amplitude=np.float32(-1)), ("input",))),
        "less than zero",
    ),
    "pooled current": (
        pooled(FIRE, Node("still", SpikingMaxPool((1, 1)), ("input",)), Node("both", Concat(), ("fire", "still"))),
        "together with spikes",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_nest_cannot_be_is_refused_by_name(what):
    graph, problem = REFUSED[what]
    with pytest.raises(Incompatible, match=problem) as caught:
        NestSimulator().compile(graph)
    (issue,) = caught.value.issues
    assert issue.node == "op"
    assert issue.remedy
