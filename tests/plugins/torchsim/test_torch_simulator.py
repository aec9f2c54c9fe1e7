"""The torch simulator against numpy: spike for spike where arithmetic is exact, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import assert_alike, everything

from snntk_core import (
    Add,
    AveragePool,
    Concat,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    IntegrateFire,
    Node,
    Pad,
    Probes,
    Readout,
    Scale,
    SpikeSource,
    SpikingMaxPool,
    Subtract,
)
from snntk_core.errors import DataError, MissingLibrary, OptionError, UnknownName
from snntk_core.testing.spiking_graphs import exact_batch, networks, neuron_examples, op_examples
from snntk_numpy.simulator import NumpySimulator
from snntk_torchsim.simulator import TorchSimulator

torch = pytest.importorskip("torch", reason="torch is not installed")

TILINGS = ({}, {"part": 2, "chunk": 3, "workers": 1}, {"part": 1, "chunk": 1, "workers": 2})
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")


def run(graph, batch, steps, **options):
    probes = options.pop("probes", Probes())
    with TorchSimulator(**options).compile(graph) as program:
        return program.run(np.asarray(batch, np.float32), duration=steps, probes=probes)


GRAPHS = {
    **{op.__name__: graph for op, graph in op_examples().items() if op in TorchSimulator.capabilities.ops},
    **neuron_examples(),
    **networks(),
}


@pytest.mark.parametrize("options", TILINGS, ids=["chosen", "parts of 2, chunks of 3", "one by one"])
@pytest.mark.parametrize("title", GRAPHS)
def test_everything_recorded_is_that_of_numpy(title, options):
    graph = GRAPHS[title]
    batch, probes = exact_batch(graph), everything(graph)
    expected = NumpySimulator().compile(graph).run(batch, duration=11, probes=probes)
    assert_alike(run(graph, batch, 11, probes=probes, **options), expected)


def eighths(rng, *shape, low=-6, high=8):
    return (rng.integers(low, high, shape) / 8).astype(np.float32)


def neuron(rng, channels):
    """A neuron of any kind, its numbers multiples of powers of two."""
    several = rng.integers(2)
    shape = (channels,) if several else ()
    return IntegrateFire(
        eighths(rng, *shape, low=2, high=16),
        eighths(rng, *shape, low=-2, high=6),
        eighths(rng, *shape, low=1, high=9) if rng.integers(3) == 0 else None,
        str(rng.choice(["subtract", "zero"])),
        float(rng.choice([0, 0, 0.5])),
        int(rng.choice([0, 0, 1, 3])),
    )


def random_network(rng):
    """Convolutions side by side, joined, pooled in any way, and a Dense: all of it exact."""
    channels = int(rng.integers(1, 4))
    units = int(rng.integers(1, 4))
    shape = (int(rng.integers(4, 8)), int(rng.integers(4, 8)), channels)
    padding = [("same"), ("same-lower"), ((1, 1), (1, 1)), ((2, 0), (0, 2))][rng.integers(4)]
    pool = [
        AveragePool((2, 2)),
        SpikingMaxPool((2, 2)),
        SpikingMaxPool((3, 2), (2, 1), "same", rule="gate"),
        SpikingMaxPool((2, 3), (2, 2), "valid", True),
        Pad(((1, 0), (0, -1), (0, 0)), 0.5),
    ][rng.integers(5)]
    join = [Add(), Subtract(), Concat(), Concat(0)][rng.integers(4)]
    nodes = [
        Node("source", SpikeSource(shape)),
        Node("conv1", Conv2D(eighths(rng, 3, 3, channels, units), eighths(rng, units), padding=padding), ("source",)),
        Node("fire1", neuron(rng, units), ("conv1",)),
        Node("conv2", Conv2D(eighths(rng, 3, 3, units, units), None, padding="same"), ("fire1",)),
        Node("fire2", neuron(rng, units), ("conv2",)),
        Node("join", join, tuple(rng.choice(["fire1", "fire2", "conv1", "conv2"], 2, replace=False))),
        Node("fire3", neuron(rng, 1), ("join",)),
        Node("pool", pool, ("fire3",)),
        Node("flat", Flatten(), ("pool",)),
    ]
    width = Graph((*nodes, Node("out", Readout(), ("flat",)))).shapes["flat"][0]
    nodes += [
        Node("dense", Dense(eighths(rng, width, 3), eighths(rng, 3)), ("flat",)),
        Node("out", Readout(warm_up=int(rng.integers(0, 4))), ("dense",)),
    ]
    return Graph(tuple(nodes)).without_unused()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 5), st.integers(0, 4), st.integers(0, 7))
def test_random_networks_are_equal_spike_for_spike(seed, steps, samples, part, chunk):
    rng = np.random.default_rng(seed)
    graph = random_network(rng)
    density = rng.uniform(0, 1)
    batch = eighths(rng, samples, *graph.input_shape, low=-4, high=13) * (rng.random(graph.input_shape) < density)
    probes = everything(graph)
    expected = NumpySimulator(workers=1).compile(graph).run(batch, duration=steps, probes=probes)
    assert_alike(run(graph, batch, steps, probes=probes, part=part, chunk=chunk, workers=1), expected)


def lenet(rng, draw):
    """The shape of LeNet-5 on MNIST; ``draw`` makes weights of a shape."""
    ops = (
        Conv2D(draw(5, 5, 1, 6), draw(6), padding="same"), IntegrateFire(1.0, 0.5), AveragePool((2, 2)),
        Conv2D(draw(5, 5, 6, 16), draw(16)), IntegrateFire(1.0, 0.5), AveragePool((2, 2)),
        Conv2D(draw(5, 5, 16, 120), draw(120)), IntegrateFire(1.0, 0.5), Flatten(),
        Dense(draw(120, 84), draw(84)), IntegrateFire(1.0, 0.5), Dense(draw(84, 10)),
    )  # fmt: skip
    nodes = [Node("n0", SpikeSource((1, 28, 28), (1, 2, 0)))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"n{number}", op, (f"n{number - 1}",)))
    return Graph((*nodes, Node("out", Readout("softmax"), (nodes[-1].name,))))


def images(rng, count):
    """Bright strokes on black."""
    return (rng.uniform(0, 1, (count, 1, 28, 28)) * (rng.random((count, 1, 28, 28)) < 0.2)).astype(np.float32)


def test_a_network_of_the_size_of_mnist_on_an_8_bit_grid_is_equal_spike_for_spike():
    rng = np.random.default_rng(11)
    graph = lenet(rng, lambda *shape: (rng.normal(0, 20, shape).clip(-127, 127).round() / 128).astype(np.float32))
    batch = np.round(images(rng, 12) * 255) / 256
    probes = Probes(spikes=("n2", "n5", "n11"), operations=True)
    expected = NumpySimulator().compile(graph).run(batch.astype(np.float32), duration=32, probes=probes)
    for options in TILINGS[:2]:
        assert_alike(run(graph, batch, 32, probes=probes, **options), expected)
    assert min(counts.sum() for counts in expected.spike_counts.values()) > 1000


def test_with_float32_weights_at_most_one_event_in_a_hundred_thousand_differs():
    rng = np.random.default_rng(12)
    graph = lenet(rng, lambda *shape: rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32))
    batch, probes = images(rng, 8), Probes(spikes=("n2", "n5", "n8", "n11"))
    expected = NumpySimulator().compile(graph).run(batch, duration=32, probes=probes)
    got = run(graph, batch, 32, probes=probes)
    events = differing = 0
    for name in probes.spikes:
        one, other = (places(recording.spikes[name]) for recording in (expected, got))
        events, differing = events + len(one), differing + len(np.setxor1d(one, other))
    assert events > 200_000
    assert differing <= 1e-5 * events


def places(train):
    """One number for each spike of a train."""
    return (train.sample.astype(np.int64) * 1000 + train.time) * 10_000 + train.unit


def chain(shape, *ops):
    nodes = [Node("n0", SpikeSource(shape))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"n{number}", op, (f"n{number - 1}",)))
    return Graph((*nodes, Node("out", Readout(), (nodes[-1].name,))))


def test_a_value_that_two_nodes_read_survives_the_neurons_that_read_it_first():
    """Neurons write their spikes over the current where nobody else needs it, and only there."""
    nodes = (
        Node("in", SpikeSource((3,))),
        Node("fire", IntegrateFire(), ("in",)),
        Node("dense", Dense(np.eye(3) * 0.5), ("fire",)),
        Node("alone", Add(), ("dense",)),
        Node("first", IntegrateFire(), ("alone",)),
        Node("second", IntegrateFire(0.5), ("dense",)),
        Node("view", Flatten(), ("first",)),
        Node("third", IntegrateFire(), ("view",)),
        Node("all", Concat(), ("first", "second", "third", "dense")),
        Node("out", Readout(), ("all",)),
    )
    graph = Graph(nodes)
    batch, probes = [[1.0, 0.5, 0.25]], everything(graph)
    expected = NumpySimulator().compile(graph).run(np.asarray(batch, np.float32), duration=8, probes=probes)
    assert_alike(run(graph, batch, 8, probes=probes), expected)


def test_counts_do_not_overflow_in_long_runs():
    for steps in (255, 256, 1000, 33_000):
        assert run(chain((1,), IntegrateFire()), [[1.0]], steps).spike_counts["n1"][0, 0] == steps


def test_a_spike_that_carries_nothing_is_still_a_spike():
    graph = chain((2,), IntegrateFire(amplitude=np.array([0.0, 1.0])))
    recording = run(graph, [[1.0, 1.0]], 4, probes=Probes(spikes=("n1",)))
    assert recording.spike_counts["n1"].tolist() == [[4, 4]]
    assert recording.spikes["n1"].unit.tolist() == [0, 1] * 4


def test_chosen_units_of_a_potential():
    graph = networks()["convolutional"]
    batch, units = exact_batch(graph), (3, 1)
    whole = run(graph, batch, 6, probes=Probes(potentials=("neuron2",)))
    some = run(graph, batch, 6, probes=Probes(potentials=("neuron2",), units={"neuron2": units}))
    assert np.array_equal(some.potentials["neuron2"], whole.potentials["neuron2"][:, :, list(units)])


def test_memory_of_a_chunk_does_not_grow_with_steps_or_samples():
    from snntk_torchsim.program import BYTES, Tiling

    for largest in (10, 4704, 100_000, 5_000_000):
        for samples in (1, 7, 1000):
            for steps in (1, 8, 256, 10_000):
                part, chunk = Tiling().cut(largest, samples, steps, "cpu")
                assert 1 <= part <= samples
                assert 1 <= chunk <= steps
                assert part * chunk * largest * 4 <= max(BYTES["cpu"], 4 * largest)


def test_settings_of_torch_are_as_they_were():
    before = torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    graph = networks()["perceptron"]
    run(graph, exact_batch(graph), 3, workers=1)
    run(graph, exact_batch(graph), 3, workers=2, part=1)
    assert before == (
        torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    )  # fmt: skip
    assert torch.is_grad_enabled()


def test_blocks_that_overlap_share_one_setting():
    """The first to end leaves float32 products exact for the other, and the last puts back what was before."""
    from snntk_torchsim.device import float32

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        first, second = float32(), float32()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert torch.get_float32_matmul_precision() == "highest"
        second.__exit__(None, None, None)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_products_stay_exact_where_a_program_allows_less():
    """A program that set bfloat16 products for its own networks still gets these spikes."""
    rng = np.random.default_rng(4)
    graph = chain((256,), IntegrateFire(), Dense(eighths(rng, 256, 256)), IntegrateFire())
    batch = eighths(rng, 64, 256, low=0, high=9)
    expected = run(graph, batch, 8)
    torch.set_float32_matmul_precision("medium")
    try:
        got = run(graph, batch, 8)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert_alike(got, expected)


def test_it_runs_what_numpy_runs():
    assert TorchSimulator.capabilities.ops == NumpySimulator.capabilities.ops


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch finds a GPU here")
def test_it_says_that_there_is_no_gpu_and_auto_takes_the_cpu():
    graph = networks()["perceptron"]
    with pytest.raises(OptionError, match=r"finds no GPU here\. Say device 'cpu' or 'auto'"):
        TorchSimulator(device="cuda").compile(graph)
    assert TorchSimulator().compile(graph).network.device.type == "cpu"


def test_it_says_what_to_install_without_torch(monkeypatch):
    monkeypatch.setattr(TorchSimulator, "missing", classmethod(lambda cls: ("torch",)))
    with pytest.raises(MissingLibrary, match=r'pip install "snntk\[torch\]"'):
        TorchSimulator().compile(networks()["perceptron"])


@pytest.mark.parametrize("duration", [0, -1, 2.5, float("inf"), float("nan")])
def test_it_refuses_a_duration_that_is_no_number_of_steps(duration):
    graph = networks()["perceptron"]
    with pytest.raises(DataError, match="steps"):
        TorchSimulator().compile(graph).run(exact_batch(graph), duration=duration)


def test_it_names_what_it_cannot_take():
    graph = networks()["perceptron"]
    with pytest.raises(UnknownName, match="Did you mean 'neuron1'"):
        run(graph, exact_batch(graph), 2, probes=Probes(spikes=("neuron_1",)))
    with pytest.raises(DataError, match="no samples"):
        run(graph, exact_batch(graph)[:0], 2)
    with pytest.raises(OptionError, match="take a count"):
        TorchSimulator.configure({"chunk": -1})
    with pytest.raises(OptionError, match="device takes 'auto'"):
        TorchSimulator.configure({"device": "tpu"})


def test_a_graph_without_neurons_is_its_readout():
    recording = run(chain((4,), Scale(0.5), Dense(np.ones((4, 2)))), np.ones((3, 4)), 5)
    assert (recording.scores == 2).all()
    assert recording.synaptic_operations.tolist() == [0, 0, 0]


@CUDA
@pytest.mark.parametrize("title", GRAPHS)
def test_a_gpu_gives_the_spikes_of_numpy(title):
    graph = GRAPHS[title]
    batch, probes = exact_batch(graph), everything(graph)
    expected = NumpySimulator().compile(graph).run(batch, duration=11, probes=probes)
    assert_alike(run(graph, batch, 11, probes=probes, device="cuda"), expected)


@CUDA
def test_a_gpu_gives_the_spikes_of_numpy_on_an_8_bit_grid():
    """Convolutions by transforms would round what is exact here."""
    rng = np.random.default_rng(11)
    graph = lenet(rng, lambda *shape: (rng.normal(0, 20, shape).clip(-127, 127).round() / 128).astype(np.float32))
    batch = (np.round(images(rng, 12) * 255) / 256).astype(np.float32)
    probes = Probes(spikes=("n2", "n5", "n11"), operations=True)
    expected = NumpySimulator().compile(graph).run(batch, duration=32, probes=probes)
    got = run(graph, batch, 32, probes=probes, device="cuda")
    assert_alike(got, expected)
    assert set(got.ways) == {"n2", "n5", "n8", "n11"}
