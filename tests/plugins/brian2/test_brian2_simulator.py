"""The Brian2 simulator against numpy: every spike of every layer and step, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import encoded_networks, spiking_networks
from recordings import assert_alike, everything

from snntk_brian2.simulator import Brian2Simulator
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
from snntk_core.errors import DataError, Incompatible, MissingLibrary, OptionError, SnntkError, UnknownName
from snntk_core.testing.spiking_graphs import exact, exact_batch, networks, neuron_examples, op_examples
from snntk_numpy.simulator import NumpySimulator

pytest.importorskip("brian2", reason="brian2 is not installed")

STEPS = 8
GRAPHS = {
    **{op.__name__: graph for op, graph in op_examples().items() if op in Brian2Simulator.capabilities.ops},
    **neuron_examples(),
    **networks(),
}


def run(graph, batch, steps=STEPS, probes=None, **options):
    with Brian2Simulator(**options).compile(graph) as program:
        return program.run(np.asarray(batch, np.float32), duration=steps, probes=probes or Probes())


def assert_like_numpy(graph, batch, steps=STEPS, **options):
    """Everything recorded is what numpy records: spike for spike and bit for bit."""
    probes = everything(graph)
    expected = NumpySimulator(workers=1).compile(graph).run(batch, duration=steps, probes=probes)
    assert_alike(run(graph, batch, steps, probes, **options), expected)


@pytest.mark.parametrize("title", GRAPHS)
def test_everything_recorded_is_that_of_numpy(title):
    graph = GRAPHS[title]
    assert_like_numpy(graph, exact_batch(graph, 3), copies=2)


def taken(graph: Graph) -> bool:
    return not Brian2Simulator.capabilities.check(graph)


@settings(max_examples=8, deadline=None)
@given(st.one_of(spiking_networks(), encoded_networks()).filter(taken), st.integers(0, 2**16), st.integers(1, 3))
def test_random_networks_are_equal_spike_for_spike(graph, seed, copies):
    random = np.random.default_rng(seed)
    batch = (random.integers(-4, 9, (2, *graph.source.op.shape)) / 4).astype(np.float32)
    assert_like_numpy(graph, batch, copies=copies)


def branching(reset: str, pool: str) -> Graph:
    """A network with a shortcut, a Concat, strides, a depthwise convolution and max pooling."""
    neuron = IntegrateFire(np.float32(1), np.float32(0.5), reset=reset)
    nodes = (
        Node("input", SpikeSource((2, 8, 8), (1, 2, 0))),
        Node("conv1", Conv2D(exact(3, 3, 2, 4, seed=1), exact(4, seed=2), padding="same"), ("input",)),
        Node("fire1", neuron, ("conv1",)),
        Node("depthwise", DepthwiseConv2D(exact(3, 3, 4, 1, seed=3), None, padding="same"), ("fire1",)),
        Node("sum", Add(), ("depthwise", "fire1")),
        Node("fire2", neuron, ("sum",)),
        Node("pool", SpikingMaxPool((2, 2), rule=pool), ("fire2",)),
        Node("strided", Conv2D(exact(3, 3, 4, 4, seed=4), None, (2, 2), "same"), ("fire1",)),
        Node("fire3", neuron, ("strided",)),
        Node("both", Concat(), ("pool", "fire3")),
        Node("conv2", Conv2D(exact(2, 2, 8, 6, seed=5), exact(6, seed=6), padding="same"), ("both",)),
        Node("fire4", neuron, ("conv2",)),
        Node("average", AveragePool((4, 4)), ("fire4",)),
        Node("flat", Flatten(), ("average",)),
        Node("dense", Dense(exact(6, 3, seed=7)), ("flat",)),
        Node("readout", Readout(), ("dense",)),
    )
    return Graph(nodes)


@pytest.mark.parametrize("pool", ["count", "gate"])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_branches_strides_and_pools_are_equal_spike_for_spike(reset, pool):
    graph = branching(reset, pool)
    assert_like_numpy(graph, exact_batch(graph, 5), 24)


@pytest.mark.parametrize("rule", ["count", "gate"])
def test_a_large_overlapping_window_tells_every_place_apart(rule):
    """49 places, many inputs firing in one step."""
    nodes = (
        Node("input", SpikeSource((8, 8, 1))),
        Node("fire", IntegrateFire(np.float32(1), np.float32(0.25)), ("input",)),
        Node("pool", SpikingMaxPool((7, 7), (1, 1), "same", rule=rule), ("fire",)),
        Node("readout", Readout(), ("pool",)),
    )
    graph = Graph(nodes)
    batch = np.random.default_rng(3).integers(0, 17, (4, 8, 8, 1)).astype(np.float32) / 16
    assert_like_numpy(graph, batch, 24)


def chain(shape, *ops):
    nodes = [Node("n0", SpikeSource(shape))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"n{number}", op, (f"n{number - 1}",)))
    return Graph((*nodes, Node("out", Readout(), (nodes[-1].name,))))


@pytest.mark.parametrize("copies", [0, 1, 3])
@pytest.mark.parametrize("title", ["refractory, reset to zero, with leak", "overlapping gate"])
def test_samples_side_by_side_and_one_after_the_other_give_the_same(title, copies):
    graph = neuron_examples()[title]
    assert_like_numpy(graph, exact_batch(graph, 5), 6, copies=copies)


def test_several_runs_of_brian2_make_one_recording(monkeypatch):
    """A run is cut where its spikes would take too much memory."""
    from snntk_brian2 import runtime

    graph = networks()["convolutional"]
    monkeypatch.setattr(runtime, "EVENTS", 1)
    assert_like_numpy(graph, exact_batch(graph, 3), 6, copies=2)


@pytest.mark.parametrize("dt", [0.1, 1.0, 1e8])
def test_spikes_do_not_depend_on_how_long_a_step_lasts(dt):
    """0.1 ms is no binary fraction: what is multiplied by it and divided by it again must not be rounded."""
    for title in ("residual", "perceptron"):
        graph = networks()[title]
        assert_like_numpy(graph, exact_batch(graph, 2), 40, dt=dt)
    graph = neuron_examples()["refractory, reset to zero, with leak"]
    assert_like_numpy(graph, exact_batch(graph, 2), 12, dt=dt)


def test_chosen_units_of_a_potential_in_the_order_asked_for():
    graph = networks()["convolutional"]
    batch, units = exact_batch(graph, 3), (3, 1, 40)
    whole = run(graph, batch, 6, Probes(potentials=("neuron2", "neuron1")), copies=2)
    some = run(graph, batch, 6, Probes(potentials=("neuron1",), units={"neuron1": units}), copies=2)
    none = run(graph, batch, 6, Probes(potentials=("neuron1",), units={"neuron1": ()}), copies=2)
    assert np.array_equal(some.potentials["neuron1"], whole.potentials["neuron1"][:, :, list(units)])
    assert none.potentials["neuron1"].shape == (3, 6, 0)


def test_a_run_that_was_interrupted_leaves_nothing_behind(monkeypatch):
    graph = networks()["residual"]
    batch = exact_batch(graph, 2)
    with Brian2Simulator(copies=1).compile(graph) as program:
        expected = program.run(batch, duration=STEPS)
        thresholder = program.backend.built.groups["neuron2"].thresholder["spike"]
        with monkeypatch.context() as patch:
            patch.setattr(thresholder, "run", interrupted(thresholder.run, after=5))
            with pytest.raises(KeyboardInterrupt):
                program.run(batch, duration=STEPS)
        got = program.run(batch, duration=STEPS)
    for name, counts in expected.spike_counts.items():
        assert np.array_equal(got.spike_counts[name], counts)


def test_a_closed_program_runs_no_more():
    graph = networks()["perceptron"]
    program = Brian2Simulator().compile(graph)
    program.close()
    program.close()
    with pytest.raises(SnntkError, match="closed"):
        program.run(exact_batch(graph, 1), duration=2)


def interrupted(function, after: int):
    calls = iter(range(after))

    def instead(*arguments, **named):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return function(*arguments, **named)

    return instead


def test_a_graph_without_neurons_is_its_readout():
    recording = run(chain((4,), Scale(0.5), Dense(np.ones((4, 2)))), np.ones((3, 4)), 5)
    assert (recording.scores == 2).all()
    assert recording.synaptic_operations.tolist() == [0, 0, 0]


def test_a_spike_that_carries_nothing_is_still_a_spike():
    graph = chain((2,), IntegrateFire(amplitude=np.array([0.0, 1.0])))
    recording = run(graph, [[1.0, 1.0]], 4, Probes(spikes=("n1",)))
    assert recording.spike_counts["n1"].tolist() == [[4, 4]]
    assert recording.spikes["n1"].unit.tolist() == [0, 1] * 4


def test_it_says_what_to_install_without_brian2(monkeypatch):
    monkeypatch.setattr(Brian2Simulator, "missing", classmethod(lambda cls: ("brian2",)))
    with pytest.raises(MissingLibrary, match=r'pip install "snntk\[brian2\]"'):
        Brian2Simulator().compile(networks()["perceptron"])


def test_it_names_what_it_cannot_take():
    graph = networks()["perceptron"]
    with pytest.raises(UnknownName, match="Did you mean 'neuron1'"):
        run(graph, exact_batch(graph), 2, Probes(spikes=("neuron_1",)))
    with pytest.raises(DataError, match="no samples"):
        run(graph, exact_batch(graph)[:0], 2)
    with pytest.raises(DataError, match="steps"):
        run(graph, exact_batch(graph), 2.5)
    with pytest.raises(OptionError, match="copies takes a count"):
        Brian2Simulator.configure({"copies": -1})
    with pytest.raises(OptionError, match="dt takes milliseconds above zero"):
        Brian2Simulator.configure({"dt": 0})
    with pytest.raises(OptionError, match="target takes 'numpy'"):
        Brian2Simulator.configure({"target": "cuda"})


def pooled(pool: SpikingMaxPool, *before: Node) -> Graph:
    nodes = (Node("input", SpikeSource((8, 8, 1))), *before, Node("pool", pool, (before[-1].name,)))
    return Graph((*nodes, Node("readout", Readout(), ("pool",))))


FIRE = Node("fire", IntegrateFire(), ("input",))
REFUSED = {
    "sums": (pooled(SpikingMaxPool((2, 2)), FIRE, Node("pad", AveragePool((2, 2)), ("fire",))), "no layer of spikes"),
    "negative spikes": (
        pooled(SpikingMaxPool((2, 2)), Node("fire", IntegrateFire(amplitude=np.float32(-1)), ("input",))),
        "less than zero",
    ),
    "current": (
        pooled(
            SpikingMaxPool((2, 2)),
            FIRE,
            Node("still", SpikingMaxPool((1, 1)), ("input",)),
            Node("both", Concat(), ("fire", "still")),
        ),
        "together with spikes",
    ),
    "many places": (pooled(SpikingMaxPool((8, 8), rule="gate"), FIRE), "64 places"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_pool_it_cannot_count_is_refused_by_name(what):
    graph, problem = REFUSED[what]
    with pytest.raises(Incompatible, match=problem) as caught:
        Brian2Simulator().compile(graph)
    (issue,) = caught.value.issues
    assert issue.node == "pool"
    assert issue.remedy
