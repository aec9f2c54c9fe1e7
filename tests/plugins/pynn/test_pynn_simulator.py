"""PyNN on Brian2 and on NEST gives the spikes of numpy, and says what it cannot run."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from random_networks import spiking_networks

from snntk_core import (
    Add,
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
from snntk_core.connectivity import spiking_nodes
from snntk_core.errors import DataError, Incompatible, MissingLibrary, OptionError, SnntkError
from snntk_core.registry import Registry
from snntk_core.testing.resets import resetting_to_zero
from snntk_core.testing.spiking_graphs import exact, exact_batch, networks, neuron_examples, op_examples, perceptron

pytest.importorskip("pyNN", reason="PyNN is not installed")

STEPS = 8
SIMULATORS = Registry.discover().simulators
PYNN, NUMPY = SIMULATORS["pynn"], SIMULATORS["numpy"]
GRAPHS = {**{op.__name__: graph for op, graph in op_examples().items()}, **neuron_examples(), **networks()}
TAKEN = {title: resetting_to_zero(graph) for title, graph in GRAPHS.items()}
TAKEN = {title: graph for title, graph in TAKEN.items() if not PYNN.capabilities.check(graph)}


@pytest.fixture(params=["brian2", "nest"], scope="module")
def backend(request) -> str:
    """Return what PyNN drives."""
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return request.param


def mixed() -> Graph:
    """Return a network with a stride, a depthwise convolution, max pooling, a shortcut and two joined branches."""
    nodes = (
        Node("input", SpikeSource((8, 8, 2))),
        Node("conv1", Conv2D(exact(3, 3, 2, 4, seed=1), exact(4, seed=2), (2, 2), "same"), ("input",)),
        Node("neuron1", IntegrateFire(reset="zero"), ("conv1",)),
        Node("depthwise", DepthwiseConv2D(exact(3, 3, 4, 1, seed=3), exact(4), padding="same"), ("neuron1",)),
        Node("neuron2", IntegrateFire(exact(4, seed=4) ** 2 + np.float32(0.5), reset="zero"), ("depthwise",)),
        Node("sum", Add(), ("neuron2", "neuron1")),
        Node("neuron3", IntegrateFire(np.float32(1.5), reset="zero"), ("sum",)),
        Node("pool", SpikingMaxPool((2, 2)), ("neuron3",)),
        Node("conv4", Conv2D(exact(2, 2, 4, 4, seed=5), None, padding="same"), ("pool",)),
        Node("neuron4", IntegrateFire(reset="zero"), ("conv4",)),
        Node("both", Concat(), ("neuron4", "pool")),
        Node("flat", Flatten(), ("both",)),
        Node("dense", Dense(exact(32, 5, seed=6), exact(5, seed=7)), ("flat",)),
        Node("readout", Readout("softmax", 2), ("dense",)),
    )
    return Graph(nodes).verify()


def assert_like_numpy(graph: Graph, batch, backend: str, steps: int = STEPS) -> None:
    """Every spike, count and operation is that of numpy, and so are scores and potentials to rounding."""
    held = tuple(node.name for node in graph if isinstance(node.op, IntegrateFire | Readout))
    probes = Probes(spikes=spiking_nodes(graph), potentials=held, operations=True)
    recordings = []
    for simulator in (NUMPY(), PYNN(backend=backend)):
        with simulator.compile(graph) as program:
            recordings.append(program.run(batch, duration=steps, probes=probes))
    expected, got = recordings
    for name, train in expected.spikes.items():
        for part in ("sample", "time", "unit"):
            np.testing.assert_array_equal(getattr(got.spikes[name], part), getattr(train, part), err_msg=name)
        np.testing.assert_array_equal(got.spike_counts[name], expected.spike_counts[name])
        np.testing.assert_array_equal(got.operations[name], expected.operations[name])
    for name in held:
        np.testing.assert_allclose(got.potentials[name], expected.potentials[name], rtol=1e-6, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-6)


@pytest.mark.parametrize("title", TAKEN)
def test_gives_the_spikes_of_numpy(title, backend):
    assert_like_numpy(TAKEN[title], exact_batch(TAKEN[title], 2), backend)


def test_a_network_of_everything_gives_the_spikes_of_numpy(backend):
    graph = mixed()
    assert_like_numpy(graph, exact_batch(graph, 3), backend, 12)


@settings(max_examples=8, deadline=None)
@given(spiking_networks().map(resetting_to_zero).filter(lambda graph: not PYNN.capabilities.check(graph)))
def test_gives_the_spikes_of_random_networks(backend, graph):
    batch = (np.random.default_rng(0).integers(-4, 9, (2, *graph.source.op.shape)) / 4).astype(np.float32)
    assert_like_numpy(graph, batch, backend)


def test_programs_that_run_by_turns_keep_apart(backend):
    graphs = [resetting_to_zero(graph) for graph in (perceptron(), networks()["residual"])]
    programs = [PYNN(backend=backend).compile(graph) for graph in graphs]
    batches = [exact_batch(graph, 2) for graph in graphs]
    first, second = (
        [program.run(batch, duration=STEPS).scores for program, batch in zip(programs, batches, strict=True)]
        for _ in range(2)
    )
    for once, again in zip(first, second, strict=True):
        np.testing.assert_array_equal(once, again)


def test_threads_wait_for_each_other_on_brian2():
    pytest.importorskip("brian2", reason="brian2 is not installed")
    graph = resetting_to_zero(perceptron())
    batch = exact_batch(graph, 2)

    def scores():
        with PYNN(backend="brian2").compile(graph) as program:
            return program.run(batch, duration=STEPS).scores

    expected = scores()
    with ThreadPoolExecutor(2) as pool:
        for call in [pool.submit(scores) for _ in range(4)]:
            np.testing.assert_array_equal(call.result(), expected)


def test_another_thread_is_kept_out_of_nest():
    pytest.importorskip("nest", reason="nest-simulator is not installed")
    graph = resetting_to_zero(perceptron())
    batch = exact_batch(graph, 2)
    with PYNN(backend="nest").compile(graph) as program, ThreadPoolExecutor(1) as pool:
        expected = program.run(batch, duration=STEPS).scores
        calls = (
            pool.submit(program.run, batch, duration=STEPS),
            pool.submit(program.close),
            pool.submit(PYNN(backend="nest").compile, graph),
        )
        for call in calls:
            with pytest.raises(SnntkError, match="nest belongs to the thread"):
                call.result()
        np.testing.assert_array_equal(program.run(batch, duration=STEPS).scores, expected)


def test_long_batches_and_more_steps_than_the_first_run_had(backend):
    graph = resetting_to_zero(perceptron())
    batch = exact_batch(graph, 70)
    with PYNN(backend=backend).compile(graph) as program, NUMPY().compile(graph) as reference:
        for steps in (3, 9):
            got, expected = (run.run(batch, duration=steps) for run in (program, reference))
            np.testing.assert_array_equal(got.spike_counts["neuron2"], expected.spike_counts["neuron2"])


def test_a_run_that_fails_is_followed_by_one_that_does_not(backend, monkeypatch):
    graph = resetting_to_zero(perceptron())
    batch = exact_batch(graph, 3)
    with PYNN(backend=backend).compile(graph) as program:
        expected = program.run(batch, duration=STEPS).scores
        with monkeypatch.context() as patch:
            patch.setattr(program.backend, "spikes", lambda population: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                program.run(batch, duration=STEPS)
        np.testing.assert_array_equal(program.run(batch, duration=STEPS).scores, expected)
        with pytest.raises(DataError, match="counted in steps"):
            program.run(batch, duration=0.5)


def test_settings_of_brian2_are_left_as_they_were():
    brian2 = pytest.importorskip("brian2", reason="brian2 is not installed")
    logger = logging.getLogger("brian2")

    def held():
        prefs = brian2.prefs.codegen.target, brian2.prefs.core.stop_on_keyboard_interrupt
        return prefs, brian2.get_device().defaultclock, logger.level, sys.excepthook, signal.getsignal(signal.SIGINT)

    before = held()
    graph = resetting_to_zero(perceptron())
    with PYNN().compile(graph) as program:
        program.run(exact_batch(graph, 1), duration=2)
    assert held() == before


def test_an_interrupt_ends_a_run_on_brian2(monkeypatch):
    pytest.importorskip("brian2", reason="brian2 is not installed")
    graph = resetting_to_zero(perceptron())
    batch = exact_batch(graph, 3)
    with PYNN().compile(graph) as program:
        expected = program.run(batch, duration=STEPS).scores
        with monkeypatch.context() as patch:
            patch.setattr("snntk_pynn.on_brian2.Conductor._update_current", interrupted)
            with pytest.raises(KeyboardInterrupt):
                program.run(batch, duration=STEPS)
        np.testing.assert_array_equal(program.run(batch, duration=STEPS).scores, expected)


def test_networks_of_others_are_left_alone():
    graph = resetting_to_zero(perceptron())
    sim = pytest.importorskip("pyNN.brian2", reason="brian2 is not installed")
    state = importlib.import_module("pyNN.brian2.simulator").state
    with PYNN().compile(graph) as program:
        sim.setup(timestep=0.5)
        theirs = state.network
        with pytest.raises(SnntkError, match="not of snntk"):
            program.run(exact_batch(graph, 1), duration=STEPS)
        assert state.network is theirs
    assert state.network is theirs
    state.clear()


def test_a_closed_program_leaves_nothing_in_nest():
    nest = pytest.importorskip("nest", reason="nest is not installed")
    graph = resetting_to_zero(perceptron())
    with PYNN(backend="nest").compile(graph) as program:
        program.run(exact_batch(graph, 1), duration=STEPS)
        assert nest.network_size
    assert not nest.network_size
    assert not importlib.import_module("pyNN.nest.simulator").state.tempdirs
    nest.Create("poisson_generator")
    with pytest.raises(SnntkError, match="not of snntk"):
        PYNN(backend="nest").compile(graph)
    nest.ResetKernel()


def interrupted(self) -> None:
    """Do what Ctrl-C does."""
    signal.raise_signal(signal.SIGINT)


def refused(graph: Graph) -> str:
    """Return the sentence with which a network is refused."""
    with pytest.raises(Incompatible) as refusal:
        PYNN().compile(graph)
    return str(refusal.value)


def test_reset_by_subtraction_is_refused_by_name():
    said = refused(perceptron())
    assert "neuron1: resets by subtraction." in said
    assert "--set rate.reset=zero --set rate.threshold=8" in said
    assert "neuron2" in said


def test_a_pool_of_sums_is_refused_by_name():
    nodes = (
        Node("input", SpikeSource((4, 4, 1))),
        Node("neurons", IntegrateFire(reset="zero"), ("input",)),
        Node("scaled", Scale(np.linspace(0, 1, 16).reshape(4, 4, 1)), ("neurons",)),
        Node("pool", SpikingMaxPool((2, 2)), ("scaled",)),
        Node("readout", Readout(), ("pool",)),
    )
    assert "pool: it pools scaled" in refused(Graph(nodes))


def test_an_unknown_backend_is_refused():
    with pytest.raises(OptionError, match="backend"):
        PYNN.configure({"backend": "neuron"})


def test_a_backend_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("snntk_pynn.simulator.find_spec", lambda name: None)
    with pytest.raises(MissingLibrary, match=r"snntk\[nest\]"):
        PYNN(backend="nest").compile(resetting_to_zero(perceptron()))
