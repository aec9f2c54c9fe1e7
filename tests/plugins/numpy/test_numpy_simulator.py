"""Every equation of the numpy simulator, each on its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import (
    Add,
    AveragePool,
    Concat,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    Input,
    IntegrateFire,
    LinearOp,
    MaxPool,
    Node,
    Pad,
    PoissonSpikes,
    Probes,
    Readout,
    Scale,
    SpikeSource,
    SpikingMaxPool,
    Subtract,
    evaluate,
)
from snntk_core.connectivity import synaptic_operations
from snntk_core.errors import DataError, OptionError, ShapeError, UnknownName
from snntk_core.ops import __all__ as op_names
from snntk_core.reference.analog import max_pool, softmax
from snntk_core.simulator import operations_by_step
from snntk_numpy.simulator import NumpySimulator


def chain(shape, *ops):
    """A spiking graph of ops one after the other, closed by a readout; nodes are called n0, n1, ... and out."""
    nodes = [Node("n0", SpikeSource(shape))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"n{number}", op, (f"n{number - 1}",)))
    return Graph((*nodes, Node("out", Readout(), (nodes[-1].name,))))


def run(graph, batch, steps, *, spikes=(), potentials=(), part=0):
    """Run a graph and return its recording."""
    program = NumpySimulator(part=part).compile(graph)
    return program.run(np.asarray(batch, np.float32), duration=steps, probes=Probes(tuple(spikes), tuple(potentials)))


def dense_trains(recording, name, units):
    """The spikes of a node as an array (batch, steps, units)."""
    trains = np.zeros((len(recording.scores), len(recording.times), units), int)
    train = recording.spikes[name]
    trains[train.sample, train.time - 1, train.unit] += 1
    assert trains.max(initial=0) <= 1
    return trains


def simulated(op, current, steps):
    """Potentials and spikes of one neuron under constant current, from the equations, in single precision."""
    v, blocked, potentials, spikes = np.float32(op.initial_potential), 0, [], []
    threshold = np.float32(op.threshold)
    for _ in range(steps):
        fired = False
        if blocked:
            blocked -= 1
        else:
            v = np.float32(v * np.float32(1 - op.leak)) + np.float32(current)
            fired = v >= threshold
            if fired:
                v = v - threshold if op.reset == "subtract" else np.float32(0)
                blocked = op.refractory
        potentials.append(v)
        spikes.append(int(fired))
    return potentials, spikes


eighths = st.integers(-16, 24).map(lambda n: n / 8)  # exact in binary, so that results are equal and not close


@settings(max_examples=150, deadline=None)
@given(
    currents=st.lists(eighths, min_size=1, max_size=5),
    threshold=st.sampled_from([0.5, 1.0, 1.75]),
    initial=st.sampled_from([0.0, 0.5, -0.25]),
    reset=st.sampled_from(["subtract", "zero"]),
    leak=st.sampled_from([0.0, 0.5, 0.125]),
    refractory=st.integers(0, 3),
    amplitude=st.sampled_from([None, 2.0]),
)
def test_integrate_fire_obeys_its_equation(currents, threshold, initial, reset, leak, refractory, amplitude):
    op = IntegrateFire(threshold, initial, amplitude, reset, leak, refractory)
    recording = run(chain((len(currents),), op), [currents], 20, spikes=["n1"], potentials=["n1", "out"])
    trains = dense_trains(recording, "n1", len(currents))
    for unit, current in enumerate(currents):
        potentials, spikes = simulated(op, current, 20)
        assert np.array_equal(recording.potentials["n1"][0, :, unit], np.array(potentials, np.float32))
        assert trains[0, :, unit].tolist() == spikes
        assert recording.spike_counts["n1"][0, unit] == sum(spikes)
    carried = threshold if amplitude is None else amplitude
    assert np.array_equal(recording.potentials["out"], (trains * carried).cumsum(axis=1))


def test_every_channel_has_its_own_threshold_and_carries_it():
    op = IntegrateFire(np.array([0.5, 1.0, 2.0]), np.array([0.0, 0.5, 1.0]))
    recording = run(chain((2, 2, 3), op), np.full((1, 2, 2, 3), 0.5), 8)
    assert np.array_equal(recording.spike_counts["n1"].reshape(4, 3), np.tile([8, 4, 2], (4, 1)))
    assert np.array_equal(recording.scores[0, -1].reshape(4, 3), np.full((4, 3), 0.5))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=8), st.integers(1, 300))
def test_subtraction_with_constant_drive_has_the_rate_of_relu(drive, steps):
    counts = run(chain((len(drive),), IntegrateFire()), [drive], steps).spike_counts["n1"][0]
    assert counts.dtype.kind == "i"
    assert counts.min() >= 0
    assert counts.max() <= steps
    slack = 1e-5  # a sum of single-precision numbers
    assert (np.abs(counts / steps - np.maximum(drive, 0)) <= 1 / steps + slack).all()


def test_counts_do_not_overflow_in_long_runs():
    for steps in (255, 256, 1000, 33_000):
        assert run(chain((1,), IntegrateFire()), [[1.0]], steps).spike_counts["n1"][0, 0] == steps


def network(generator):
    """Convolutions, a shortcut, both poolings, biases and a dense readout."""

    def weight(*shape):
        return generator.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape).astype(np.float32)

    nodes = (
        Node("in", SpikeSource((2, 8, 8), (1, 2, 0))),
        Node("conv1", Conv2D(weight(3, 3, 2, 4), weight(4), padding="same"), ("in",)),
        Node("fire1", IntegrateFire(np.array([1, 0.5, 1, 2]), 0.25), ("conv1",)),
        Node("conv2", Conv2D(weight(3, 3, 4, 4), weight(4), padding="same"), ("fire1",)),
        Node("sum", Add(), ("conv2", "fire1")),
        Node("fire2", IntegrateFire(), ("sum",)),
        Node("max", SpikingMaxPool((3, 3), (2, 2)), ("fire2",)),
        Node("pad", Pad(((0, 1), (1, 0), (0, 0)), 0.5), ("max",)),
        Node("mean", AveragePool((2, 2)), ("pad",)),
        Node("both", Concat(), ("mean", "mean")),
        Node("scale", Scale(np.linspace(0.5, 2, 8), np.full(8, 0.25)), ("both",)),
        Node("flat", Flatten(), ("scale",)),
        Node("dense", Dense(weight(32, 5), weight(5)), ("flat",)),
        Node("out", Readout("softmax"), ("dense",)),
    )
    return Graph(nodes).verify(), generator.uniform(0, 1, (7, 2, 8, 8)).astype(np.float32)


@pytest.fixture
def case():
    return network(np.random.default_rng(3))


def same(first, second):
    assert np.allclose(first.scores, second.scores, atol=1e-6)
    for name, counts in first.spike_counts.items():
        assert np.array_equal(counts, second.spike_counts[name])
        for one, other in zip(*(vars(r.spikes[name]).values() for r in (first, second)), strict=True):
            assert np.array_equal(one, other)
    assert np.array_equal(first.synaptic_operations, second.synaptic_operations)


def test_a_batch_is_what_its_samples_are_one_by_one(case):
    graph, batch = case
    spiking = ("fire1", "fire2", "max")
    whole = run(graph, batch, 30, spikes=spiking, potentials=["fire2", "out"])
    for part in (1, 3):
        split = run(graph, batch, 30, spikes=spiking, potentials=["fire2", "out"], part=part)
        same(whole, split)
        assert np.allclose(whole.potentials["fire2"], split.potentials["fire2"], atol=1e-5)
    assert whole.scores.shape == (7, 30, 5)
    assert whole.times.tolist() == list(range(1, 31))
    assert whole.potentials["fire2"].shape == (7, 30, 256)


def test_operations_of_every_step_and_chosen_units_are_those_of_the_whole_recording(case):
    graph, batch = case
    with NumpySimulator(part=3).compile(graph) as program:
        every = program.run(batch, duration=20, probes=Probes(spikes=("fire1", "fire2", "max"), potentials=("fire2",)))
        few = program.run(
            batch, duration=20, probes=Probes(potentials=("fire2",), units={"fire2": (7, 0)}, operations=True)
        )
    assert np.array_equal(few.potentials["fire2"], every.potentials["fire2"][:, :, [7, 0]])
    assert set(few.operations) == {"fire1", "fire2", "max"}
    assert np.array_equal(sum(steps.sum(axis=1) for steps in few.operations.values()), every.synaptic_operations)
    from_trains = operations_by_step(graph, every.spikes, len(batch), 20)
    assert all(np.array_equal(few.operations[name], steps) for name, steps in from_trains.items())
    assert not every.operations


@pytest.mark.parametrize("op", [SpikingMaxPool, MaxPool])
@pytest.mark.parametrize(("padding", "dilation"), [(((2, 0), (0, 0)), ()), (((0, 0), (0, 3)), (1, 2))])
def test_windows_of_padding_alone_have_no_maximum(op, padding, dilation):
    pool = op((2, 2), (1, 1), padding, dilation=dilation)
    with pytest.raises(ShapeError, match="wholly in the padding"):
        pool.infer((6, 6, 2))
    assert op((2, 2), (1, 1), ((1, 0), (0, 1))).infer((6, 6, 2)) == (6, 6, 2)


def test_units_that_are_not_there_are_refused(case):
    graph, batch = case
    with NumpySimulator().compile(graph) as program, pytest.raises(DataError, match="fire2 has units 0 to 255"):
        program.run(batch, duration=2, probes=Probes(potentials=("fire2",), units={"fire2": (256,)}))
    with pytest.raises(DataError, match="but not fire2 itself"):
        program.run(batch, duration=2, probes=Probes(units={"fire2": (7,)}))


def test_a_second_run_is_the_first_again(case):
    graph, batch = case
    with NumpySimulator().compile(graph) as program:
        probes = Probes(spikes=("fire1", "fire2", "max"))
        same(program.run(batch, duration=20, probes=probes), program.run(batch, duration=20, probes=probes))


def test_workers_change_nothing_but_the_time(case):
    graph, batch = case
    probes = Probes(spikes=("fire1", "fire2", "max"))
    alone, together = (
        NumpySimulator(part=2, workers=workers).compile(graph).run(batch, duration=20, probes=probes)
        for workers in (1, 3)
    )
    same(alone, together)


def test_spike_trains_counts_and_operations_agree(case):
    graph, batch = case
    recording = run(graph, batch, 25, spikes=["fire1", "fire2", "max"])
    for name, counts in recording.spike_counts.items():
        assert np.array_equal(dense_trains(recording, name, counts.shape[1]).sum(axis=1), counts)
    assert np.array_equal(recording.synaptic_operations, synaptic_operations(graph, recording.spike_counts))
    assert recording.synaptic_operations.min() > 0


def test_every_current_is_that_of_the_spikes_and_biases_of_its_step(case):
    graph, batch = case
    recording = run(graph, batch, 12, spikes=["fire1", "max"], potentials=["out"])
    spikes = dense_trains(recording, "max", 36).reshape(7 * 12, 3, 3, 4).astype(np.float32)
    nodes = tuple(node for node in graph if node.name in ("pad", "mean", "both", "scale", "flat", "dense"))
    tail = Graph((Node("max", Input((3, 3, 4))), *nodes))
    currents = evaluate(tail, spikes).reshape(7, 12, 5)
    assert np.allclose(recording.potentials["out"], currents.cumsum(axis=1), atol=1e-4)
    mean = recording.potentials["out"] / recording.times[:, None]
    assert np.allclose(recording.scores, softmax(mean), atol=1e-6)


def test_constant_and_driven_current_meet(case):
    source, fire = Node("in", SpikeSource((3,))), Node("fire", IntegrateFire(), ("in",))
    for op, sign in ((Add(), 1), (Subtract(), -1)):
        graph = Graph((source, fire, Node("both", op, ("in", "fire")), Node("out", Readout(), ("both",))))
        scores = run(graph, [[0.5, 1.0, 0.0]], 4).scores[0, -1]
        assert np.array_equal(scores, np.array([0.5, 1.0, 0.0]) * (1 + sign))


def test_negative_current_of_a_shortcut_is_kept():
    graph = Graph(
        (
            Node("in", SpikeSource((2,))),
            Node("fire", IntegrateFire(), ("in",)),
            Node("dense", Dense(-np.eye(2), np.array([0.25, -0.25])), ("fire",)),
            Node("sum", Add(), ("dense", "fire")),
            Node("end", IntegrateFire(), ("sum",)),
            Node("out", Readout(), ("end",)),
        )
    )
    recording = run(graph, [[1.0, 1.0]], 8, potentials=["end"])
    assert np.array_equal(recording.potentials["end"][0, :, 1], -0.25 * np.arange(1, 9))
    assert recording.spike_counts["end"].tolist() == [[2, 0]]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from(["valid", "same"]),
)
def test_max_pooling_has_emitted_the_largest_count_at_every_time(seed, kernel, strides, padding):
    batch = np.random.default_rng(seed).uniform(-0.2, 1.2, (2, 6, 5, 2)).astype(np.float32)
    graph = chain((6, 5, 2), IntegrateFire(), SpikingMaxPool(kernel, strides, padding))
    recording = run(graph, batch, 15, spikes=["n1", "n2"])
    inputs = dense_trains(recording, "n1", 60).cumsum(axis=1).reshape(30, 6, 5, 2).astype(float)
    largest = max_pool(inputs, kernel, strides, padding, False, ())
    emitted = dense_trains(recording, "n2", recording.spike_counts["n2"].shape[1]).cumsum(axis=1)
    assert np.array_equal(emitted, largest.reshape(emitted.shape))


def test_the_gate_passes_the_spikes_of_the_first_largest_count_once():
    graph = chain((1, 3, 1), IntegrateFire(), SpikingMaxPool((1, 2), (1, 1), rule="gate"))
    recording = run(graph, [[[[0.5], [1.0], [0.5]]]], 6, spikes=["n2"])
    assert recording.spike_counts["n2"].tolist() == [[6, 6]]
    gated = chain((1, 2, 1), IntegrateFire(initial_potential=np.zeros(1)), SpikingMaxPool((1, 2), rule="gate"))
    assert run(gated, [[[[0.5], [0.5]]]], 6).spike_counts["n2"].tolist() == [[3]]


def test_the_limit_of_many_steps_is_approached():
    generator = np.random.default_rng(5)
    graph = chain(
        (6,),
        Dense(generator.normal(0, 0.3, (6, 8)), generator.uniform(0, 0.2, 8)),
        IntegrateFire(),
        Dense(generator.normal(0, 0.3, (8, 8)), generator.uniform(0, 0.2, 8)),
        IntegrateFire(),
        Dense(generator.normal(0, 0.3, (8, 3)), generator.normal(0, 0.1, 3)),
    )
    batch = generator.uniform(0, 1, (16, 6)).astype(np.float32)
    scores = run(graph, batch, 4096).scores
    errors = [np.abs(scores[:, steps - 1] - evaluate(graph, batch)).max() for steps in (64, 512, 4096)]
    assert errors[2] < 0.005
    assert errors[0] > errors[1] > errors[2]


def test_a_silent_network_gives_zeros():
    graph = chain((4,), IntegrateFire(), Dense(np.ones((4, 3))), IntegrateFire())
    recording = run(graph, np.zeros((2, 4)), 5, spikes=["n1", "n3"], potentials=["n3"])
    assert not recording.scores.any()
    assert not recording.synaptic_operations.any()
    assert len(recording.spikes["n1"].sample) == 0
    assert recording.potentials["n3"].shape == (2, 5, 3)


def test_a_network_without_neurons_is_its_readout():
    recording = run(chain((4,), Dense(np.ones((4, 2)))), np.ones((3, 4)), 5)
    assert (recording.scores == 4).all()
    assert recording.synaptic_operations.tolist() == [0, 0, 0]


def test_it_runs_every_linear_and_neuron_op_of_the_core():
    from snntk_core import ops

    known = {getattr(ops, name) for name in op_names if isinstance(getattr(ops, name), type)}
    linear = {op for op in known if issubclass(op, LinearOp) and not op.__abstractmethods__}
    neurons = {SpikeSource, PoissonSpikes, IntegrateFire, SpikingMaxPool, Readout}
    assert NumpySimulator.capabilities.ops == linear | neurons


@pytest.mark.parametrize("duration", [0, -1, 2.5, float("inf"), float("nan")])
def test_it_refuses_a_duration_that_is_no_number_of_steps(case, duration):
    graph, batch = case
    with pytest.raises(DataError, match="steps"):
        NumpySimulator().compile(graph).run(batch, duration=duration)


def test_it_names_an_unknown_probe_and_the_nearest(case):
    graph, batch = case
    with pytest.raises(UnknownName, match="Did you mean 'fire1'"):
        run(graph, batch, 2, spikes=["fire_1"])
    with pytest.raises(UnknownName, match="no node with a potential called 'conv1'"):
        run(graph, batch, 2, potentials=["conv1"])
    with pytest.raises(DataError, match="no samples"):
        run(graph, batch[:0], 2)
    with pytest.raises(OptionError, match="take a count"):
        NumpySimulator.configure({"part": -1})
