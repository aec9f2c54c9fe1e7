"""The event engine gives what numpy gives: every spike of every layer in every step, on arithmetic that is exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import spiking_networks
from recordings import assert_alike, everything

from snntk_core import (
    AveragePool,
    Conv2D,
    Dense,
    Graph,
    Input,
    IntegrateFire,
    Node,
    Pad,
    Probes,
    Readout,
    Relu,
    Reshape,
    SpikeSource,
    SpikeTrain,
    Upsample,
)
from snntk_core.errors import DataError, Incompatible, OptionError, UnknownName
from snntk_core.registry import Registry
from snntk_core.testing.spiking_graphs import exact_batch, networks, neuron_examples, op_examples
from snntk_event.running import part_size, units_of

pytest.importorskip("numba", reason="the event engine needs numba: pip install 'snntk[event]'")

SIMULATORS = Registry.discover().simulators
EVENT, NUMPY = SIMULATORS["event"], SIMULATORS["numpy"]
GRAPHS = {
    **{op.__name__: graph for op, graph in op_examples().items() if op in EVENT.capabilities.ops},
    **neuron_examples(),
    **networks(),
}


@pytest.mark.parametrize("title", GRAPHS)
def test_equals_numpy_in_every_spike_and_potential(title):
    graph = GRAPHS[title]
    batch, probes = exact_batch(graph), everything(graph)
    with NUMPY().compile(graph) as program:
        expected = program.run(batch, duration=40, probes=probes)
    with EVENT().compile(graph) as program:
        got = program.run(batch, duration=40, probes=probes)
    assert_alike(got, expected)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(spiking_networks(), st.integers(1, 4), st.integers(1, 70), st.integers(0, 2**16), st.integers(0, 3))
def test_equals_numpy_on_random_networks(graph, samples, steps, seed, brightness):
    batch = exact_batch(graph, samples, seed) * (0, 0.5, 1, 4)[brightness]
    with NUMPY().compile(graph) as program:
        expected = program.run(batch, duration=steps, probes=everything(graph))
    for way in ("auto", "events", "patterns", "bytes", "dense"):
        with EVENT(way=way).compile(graph) as program:
            assert_alike(program.run(batch, duration=steps, probes=everything(graph)), expected)


@pytest.mark.parametrize("samples", [1, 3, 9])
def test_threads_and_parts_do_not_change_what_comes_out(monkeypatch, samples):
    monkeypatch.setattr("snntk_event.parallel.WORTH", 1e-12)  # small as the network is, share its layers
    graph = networks()["convolutional"]
    batch, probes = exact_batch(graph, samples), everything(graph)
    expected = EVENT(workers=1, part=samples).compile(graph).run(batch, duration=40, probes=probes)
    for workers, part in ((2, 0), (4, 0), (3, 1), (2, 2)):
        assert_alike(EVENT(workers=workers, part=part).compile(graph).run(batch, duration=40, probes=probes), expected)


def test_networks_too_large_for_one_part_are_cut():
    graph = networks()["convolutional"]
    assert part_size(units_of(graph), 100) == 50
    assert part_size(units_of(graph), 1) == 4
    shapes = SpikeSource((512, 512, 64))
    large = Graph((Node("i", shapes), Node("n", IntegrateFire(), ("i",)), Node("r", Readout(), ("n",))))
    assert part_size(units_of(large), 100) == 1


def test_float_weights_miss_few_spikes():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(3, 3, 8, 16)).astype(np.float32) / 6
    nodes = (
        Node("input", SpikeSource((8, 8, 8))),
        Node("neuron1", IntegrateFire(), ("input",)),
        Node("conv", Conv2D(weight, rng.normal(size=16).astype(np.float32) / 9, padding="same"), ("neuron1",)),
        Node("neuron2", IntegrateFire(), ("conv",)),
        Node("pool", AveragePool((3, 3)), ("neuron2",)),
        Node("dense", Dense(rng.normal(size=(16, 10)).astype(np.float32)), ("pool",)),
        Node("neuron3", IntegrateFire(leak=0.1), ("dense",)),
        Node("readout", Readout(), ("neuron3",)),
    )
    graph = Graph(nodes)
    batch = rng.uniform(size=(20, 8, 8, 8)).astype(np.float32)
    expected = NUMPY().compile(graph).run(batch, duration=64, probes=everything(graph))
    for way in ("events", "patterns", "dense"):
        got = EVENT(way=way).compile(graph).run(batch, duration=64, probes=everything(graph))
        assert [got.ways[name] for name in ("neuron2", "neuron3")] == [{way: 20 * 64}] * 2
        for name, train in expected.spikes.items():
            missed = triples(train) ^ triples(got.spikes[name])
            assert len(missed) <= 1e-5 * len(train.time), name


def triples(train: SpikeTrain) -> set[tuple[int, int, int]]:
    """Return the events of a train."""
    return set(zip(train.sample.tolist(), train.time.tolist(), train.unit.tolist(), strict=True))


def test_few_spikes_are_added_step_by_step_and_many_in_patterns_of_steps():
    nodes = (
        Node("input", SpikeSource((16, 16, 128))),
        Node("neuron1", IntegrateFire(), ("input",)),
        Node("conv", Conv2D(np.random.default_rng(0).normal(size=(3, 3, 128, 256))), ("neuron1",)),
        Node("neuron2", IntegrateFire(), ("conv",)),
        Node("readout", Readout(), ("neuron2",)),
    )
    program = EVENT().compile(Graph(nodes))
    for brightness, way in ((0.01, "events"), (1, "patterns")):
        recording = program.run(np.full((2, 16, 16, 128), brightness), duration=40)
        assert recording.ways["neuron2"] == {way: 80}
        assert recording.ways["neuron1"] == {"constant": 80}


def test_narrow_maps_are_counted_as_bytes_where_the_processor_is_fast_at_it():
    from snntk_event.kernels.dots import has_instruction

    weight = np.random.default_rng(0).integers(-127, 128, (5, 5, 6, 16)) / 512
    nodes = (
        Node("input", SpikeSource((28, 28, 6))),
        Node("neuron1", IntegrateFire(), ("input",)),
        Node("pool", AveragePool((2, 2)), ("neuron1",)),
        Node("conv", Conv2D(weight), ("pool",)),
        Node("neuron2", IntegrateFire(), ("conv",)),
        Node("readout", Readout(), ("neuron2",)),
    )
    batch = np.random.default_rng(1).integers(0, 64, (2, 28, 28, 6)) / 256
    expected = NUMPY().compile(Graph(nodes)).run(batch, duration=40, probes=everything(Graph(nodes)))
    for asked, way in (("auto", "bytes" if has_instruction() else "events"), ("bytes", "bytes")):
        got = EVENT(way=asked).compile(Graph(nodes)).run(batch, duration=40, probes=everything(Graph(nodes)))
        assert got.ways["neuron2"] == {way: 80}
        assert_alike(got, expected)


@pytest.mark.parametrize(
    ("options", "sentence"), [({"part": -1}, "part and workers take a count"), ({"way": "fast"}, "way takes")]
)
def test_options_are_refused_by_name(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        EVENT.configure(options)


def test_what_cannot_run_is_refused_by_name():
    graph = networks()["perceptron"]
    with pytest.raises(Incompatible, match="spiking"):
        EVENT().compile(Graph((Node("input", Input((4,))), Node("relu", Relu(), ("input",)))))
    with EVENT().compile(graph) as program:
        for duration in (0, 1.5):
            with pytest.raises(DataError, match="counted in steps"):
                program.run(exact_batch(graph), duration=duration)
        with pytest.raises(DataError, match="no samples"):
            program.run(exact_batch(graph)[:0], duration=2)
        with pytest.raises(UnknownName):
            program.run(exact_batch(graph), duration=2, probes=Probes(spikes=("readout",)))


def test_probed_units_are_those_asked_for():
    graph = networks()["convolutional"]
    batch = exact_batch(graph)
    probes = Probes(potentials=("neuron1",), units={"neuron1": (5, 0, 17)})
    expected = NUMPY().compile(graph).run(batch, duration=9, probes=probes).potentials["neuron1"]
    np.testing.assert_array_equal(
        EVENT().compile(graph).run(batch, duration=9, probes=probes).potentials["neuron1"], expected
    )


@pytest.mark.parametrize("op", [Upsample((3, 2)), Pad(((1, 2), (0, 1), (0, 0)))], ids=lambda op: type(op).__name__)
def test_a_vector_spread_over_a_map_drives_every_position(op):
    weight = np.random.default_rng(0).integers(-4, 5, (6, 4)) / 4
    nodes = (
        Node("input", SpikeSource((6,))),
        Node("neuron1", IntegrateFire(), ("input",)),
        Node("dense", Dense(weight.astype(np.float32)), ("neuron1",)),
        Node("map", Reshape((1, 1, 4)), ("dense",)),
        Node("spread", op, ("map",)),
        Node("neuron2", IntegrateFire(), ("spread",)),
        Node("readout", Readout(), ("neuron2",)),
    )
    graph = Graph(nodes)
    batch, probes = exact_batch(graph), everything(graph)
    expected = NUMPY().compile(graph).run(batch, duration=20, probes=probes)
    assert expected.spike_counts["neuron2"].any()
    for way in ("auto", "events", "patterns", "dense"):
        assert_alike(EVENT(way=way).compile(graph).run(batch, duration=20, probes=probes), expected)
