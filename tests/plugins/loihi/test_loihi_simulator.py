"""Loihi's emulator against numpy: every spike of every layer and step, and what a run that fails leaves behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import encoded_networks, spiking_networks

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
    SpikeSource,
    SpikingMaxPool,
)
from snntk_core.connectivity import spiking_nodes
from snntk_core.errors import DataError, MissingLibrary, SnntkError
from snntk_core.testing.spiking_graphs import exact, exact_batch, networks, neuron_examples, op_examples
from snntk_loihi.grid import grid_of
from snntk_loihi.process import Worker
from snntk_loihi.simulator import LoihiSimulator
from snntk_numpy.simulator import NumpySimulator

STEPS = 8


def resetting(graph: Graph) -> Graph:
    """The network with neurons as Loihi has them: they reset to zero and do not leak."""
    changed = (
        replace(node, op=replace(node.op, reset="zero", leak=0.0)) if isinstance(node.op, IntegrateFire) else node
        for node in graph
    )
    return replace(graph, nodes=tuple(changed))


EXAMPLES = {
    **{op.__name__: graph for op, graph in op_examples().items() if op in LoihiSimulator.capabilities.ops},
    **neuron_examples(),
    **networks(),
}
GRAPHS = {title: resetting(graph) for title, graph in EXAMPLES.items()}


def everything(graph: Graph) -> Probes:
    """Probes of all there is to record."""
    holding = tuple(node.name for node in graph if isinstance(node.op, IntegrateFire | Readout))
    return Probes(spikes=spiking_nodes(graph), potentials=holding, operations=True)


def run(graph, batch, steps=STEPS, probes=None, **options):
    with LoihiSimulator(**options).compile(graph) as program:
        return program.run(np.asarray(batch, np.float32), duration=steps, probes=probes or Probes())


def assert_same(got, expected, potentials=()):
    assert np.array_equal(got.times, expected.times)
    for key in ("spike_counts", "operations"):
        for name, array in getattr(expected, key).items():
            assert np.array_equal(getattr(got, key)[name], array), (key, name)
    for name in potentials:
        assert np.array_equal(got.potentials[name], expected.potentials[name]), name
    for name, train in expected.spikes.items():
        for one, other in zip(vars(got.spikes[name]).values(), vars(train).values(), strict=True):
            assert np.array_equal(one, other), name
    assert np.array_equal(got.synaptic_operations, expected.synaptic_operations)
    assert np.allclose(got.scores, expected.scores, atol=1e-5)


def assert_like_numpy(graph, batch, steps=STEPS, reference=None, **options):
    """The emulator runs ``graph`` as numpy runs ``reference``, by default the same graph.

    Potentials that the input alone drives may be cut off, for a bias has 12 bits; where spikes arrive they are equal.
    """
    probes, network = everything(graph), grid_of(graph).network
    expected = NumpySimulator(workers=1).compile(reference or graph).run(batch, duration=steps, probes=probes)
    got = run(graph, batch, steps, probes, **options)
    assert_same(got, expected, [name for name in probes.potentials if network.into(name)])


@pytest.mark.parametrize("title", GRAPHS)
def test_everything_recorded_is_that_of_numpy(emulator, title):
    graph = GRAPHS[title]
    assert_like_numpy(graph, exact_batch(graph, 3))


def taken(graph: Graph) -> bool:
    return not LoihiSimulator.capabilities.check(graph)


@settings(max_examples=40, deadline=None)
@given(st.one_of(spiking_networks(), encoded_networks()).map(resetting).filter(taken), st.integers(0, 2**16))
def test_random_networks_are_equal_to_their_rounded_ones_spike_for_spike(emulator, graph, seed):
    """What the rounding makes of a network, numpy runs as the emulator does; so it does many networks as they are."""
    random = np.random.default_rng(seed)
    batch = (random.integers(-4, 9, (2, *graph.source.op.shape)) / 4).astype(np.float32)
    assert_like_numpy(graph, batch, reference=grid_of(graph).graph)


def branching(pool: str) -> Graph:
    """A network with shortcuts, a Concat, strides, a depthwise convolution and max pooling."""
    neuron = IntegrateFire(np.float32(1), np.float32(0.5), reset="zero")
    nodes = (
        Node("input", SpikeSource((2, 8, 8), (1, 2, 0))),
        Node("conv1", Conv2D(exact(3, 3, 2, 4, seed=1), exact(4, seed=2), padding="same"), ("input",)),
        Node("fire1", neuron, ("conv1",)),
        Node("depthwise", DepthwiseConv2D(exact(3, 3, 4, 1, seed=3), None, padding="same"), ("fire1",)),
        Node("sum", Add(), ("depthwise", "fire1")),
        Node("fire2", neuron, ("sum",)),
        Node("conv2", Conv2D(exact(3, 3, 4, 4, seed=8), None, padding="same"), ("fire2",)),
        Node("fire3", neuron, ("conv2",)),
        Node("conv3", Conv2D(exact(3, 3, 4, 4, seed=9), None, padding="same"), ("fire3",)),
        Node("long", Add(), ("conv3", "fire1", "fire2")),
        Node("fire4", neuron, ("long",)),
        Node("pool", SpikingMaxPool((2, 2), rule=pool), ("fire4",)),
        Node("strided", Conv2D(exact(3, 3, 4, 4, seed=4), None, (2, 2), "same"), ("fire1",)),
        Node("fire5", neuron, ("strided",)),
        Node("both", Concat(), ("pool", "fire5")),
        Node("conv4", Conv2D(exact(2, 2, 8, 6, seed=5), exact(6, seed=6), padding="same"), ("both",)),
        Node("fire6", neuron, ("conv4",)),
        Node("average", AveragePool((4, 4)), ("fire6",)),
        Node("flat", Flatten(), ("average",)),
        Node("dense", Dense(exact(6, 3, seed=7)), ("flat",)),
        Node("readout", Readout(), ("dense",)),
    )
    return Graph(nodes)


@pytest.mark.parametrize("pool", ["count", "gate"])
def test_branches_strides_and_pools_are_equal_spike_for_spike(emulator, pool):
    """Shortcuts that skip layers wait in relays, and what waits for a pool waits for the next stage."""
    graph = branching(pool)
    assert_like_numpy(graph, exact_batch(graph, 5), 24, part=2)


def test_weights_wider_than_a_synapse_are_two_synapses(emulator):
    """65/64 + 1 through two paths from one layer to the next: 129/64 has 8 bits, and one more for the sign."""
    weight = np.array([[65 / 64, 1 / 64], [-63 / 64, 1]], np.float32)
    nodes = (
        Node("input", SpikeSource((2,))),
        Node("fire1", IntegrateFire(reset="zero"), ("input",)),
        Node("dense", Dense(weight), ("fire1",)),
        Node("sum", Add(), ("dense", "fire1")),
        Node("fire2", IntegrateFire(np.float32(4), reset="zero"), ("sum",)),
        Node("readout", Readout(), ("fire2",)),
    )
    graph = Graph(nodes)
    assert grid_of(graph).graph["dense"].op.weight.tolist() == weight.tolist()
    assert_like_numpy(graph, np.array([[1, 1], [0.5, 0.25], [1, 0]]), 32)


def test_chosen_units_of_a_potential_in_the_order_asked_for(emulator):
    graph = GRAPHS["convolutional"]
    batch, units = exact_batch(graph, 3), (3, 1, 40)
    whole = run(graph, batch, 6, Probes(potentials=("neuron2", "readout", "neuron1")))
    some = run(graph, batch, 6, Probes(potentials=("neuron1",), units={"neuron1": units}))
    none = run(graph, batch, 6, Probes(potentials=("neuron1",), units={"neuron1": ()}))
    assert np.array_equal(some.potentials["neuron1"], whole.potentials["neuron1"][:, :, list(units)])
    assert none.potentials["neuron1"].shape == (3, 6, 0)


def chain(*ops, shape=(2,)) -> Graph:
    nodes = [Node("n0", SpikeSource(shape))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"n{number}", op, (f"n{number - 1}",)))
    return Graph((*nodes, Node("out", Readout(), (nodes[-1].name,))))


def inhibited() -> Graph:
    """A neuron that every step draws down by 31 thresholds, the most that synapses may add."""
    fire = IntegrateFire(reset="zero")
    return chain(fire, Dense(np.full((2, 1), -15.5, np.float32)), fire)


def test_a_potential_that_falls_too_low_is_refused_by_name(emulator):
    batch = np.ones((1, 2), np.float32)
    assert_like_numpy(inhibited(), batch, 4)
    with pytest.raises(SnntkError, match="a potential of n3 fell as low as 23 bits can say"):
        run(inhibited(), batch, 200)


def test_a_program_runs_on_after_a_run_that_failed(emulator):
    batch = np.ones((1, 2), np.float32)
    with LoihiSimulator().compile(inhibited()) as program:
        first = program.run(batch, duration=4)
        with pytest.raises(SnntkError, match="n3"):
            program.run(batch, duration=200)
        assert np.array_equal(program.run(batch, duration=4).scores, first.scores)


def test_a_current_beside_synapses_that_no_bias_can_say_is_refused(emulator):
    fire = IntegrateFire(reset="zero")
    nodes = (
        Node("input", SpikeSource((2,))),
        Node("fire1", fire, ("input",)),
        Node("sum", Add(), ("fire1", "input")),
        Node("fire2", fire, ("sum",)),
        Node("readout", Readout(), ("fire2",)),
    )
    assert_like_numpy(Graph(nodes), np.array([[0.5, 3]]))
    with pytest.raises(DataError, match="fire2 receives a constant current of 40"):
        run(Graph(nodes), np.array([[0, 40]]))


def test_an_interrupted_worker_is_ended_and_its_files_are_gone(emulator, monkeypatch):
    graph = GRAPHS["perceptron"]
    program = LoihiSimulator().compile(graph)
    worker = program.emulators[0].worker
    folder, process = Path(worker.folder.name), worker.process

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Worker, "_asked", interrupted)
    with pytest.raises(KeyboardInterrupt):
        program.run(exact_batch(graph, 1), duration=4)
    monkeypatch.undo()
    assert process.poll() is not None
    assert not folder.exists()
    with pytest.raises(SnntkError, match="Compile the network again"):
        program.run(exact_batch(graph, 1), duration=4)
    program.close()
    assert_like_numpy(graph, exact_batch(graph, 2))


def test_a_worker_that_ends_says_so(emulator):
    graph = GRAPHS["perceptron"]
    with LoihiSimulator().compile(graph) as program:
        program.emulators[0].worker.process.kill()
        with pytest.raises(SnntkError, match="the emulator's process ended"):
            program.run(exact_batch(graph, 1), duration=4)


def test_a_closed_program_runs_no_more(emulator):
    graph = GRAPHS["perceptron"]
    program = LoihiSimulator().compile(graph)
    program.close()
    program.close()
    with pytest.raises(SnntkError, match="closed"):
        program.run(exact_batch(graph, 1), duration=4)


def test_two_programs_at_once_do_not_meet(emulator):
    one, other = GRAPHS["perceptron"], GRAPHS["residual"]
    with LoihiSimulator().compile(one) as first, LoihiSimulator().compile(other) as second:
        got = [first.run(exact_batch(one, 2), duration=6), second.run(exact_batch(other, 2), duration=6)]
    for graph, recording in zip((one, other), got, strict=True):
        assert np.array_equal(recording.scores, run(graph, exact_batch(graph, 2), 6).scores)


def test_a_python_without_the_library_is_refused_with_the_command(tmp_path):
    with pytest.raises(MissingLibrary, match=r"nengo-loihi==1\.1\.0") as caught:
        LoihiSimulator(python=str(tmp_path / "python")).compile(GRAPHS["perceptron"])
    assert "numpy<2" in str(caught.value)


@pytest.mark.parametrize("counts", [{"part": 0}, {"workers": 0}])
def test_parts_and_workers_are_counted_from_one(counts):
    with pytest.raises(ValueError, match="part and workers"):
        LoihiSimulator(**counts)


def test_emulators_side_by_side_give_what_one_gives(emulator):
    graph = GRAPHS["convolutional"]
    assert_like_numpy(graph, exact_batch(graph, 7), part=2, workers=3)
    assert_like_numpy(graph, exact_batch(graph, 1), workers=2)


def test_a_failure_of_one_emulator_is_that_of_the_run(emulator):
    graph = GRAPHS["perceptron"]
    with LoihiSimulator(workers=2).compile(graph) as program:
        program.emulators[1].worker.process.kill()
        with pytest.raises(SnntkError, match="the emulator's process ended"):
            program.run(exact_batch(graph, 2), duration=4)


def test_a_worker_that_is_left_alone_takes_its_files_away(emulator):
    """As when the process that asked was killed: the pipe ends."""
    worker = Worker(emulator)
    folder = Path(worker.folder.name)
    worker.ask({"forget": True})
    worker.process.stdin.close()
    assert worker.process.wait(30) == 0
    assert not folder.exists()
    worker.end()
