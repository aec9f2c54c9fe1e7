"""Written and read again, a spiking network fires the same spikes; what NIR cannot hold is refused by name."""

import numpy as np
import pytest

from snntk_core import Graph, Node
from snntk_core.errors import Incompatible
from snntk_core.ops import (
    Add,
    AveragePool,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    IntegrateFire,
    Readout,
    Scale,
    SpikeSource,
)
from snntk_core.shapes import size
from snntk_core.testing.spiking_graphs import exact, exact_batch, networks, neuron_examples, op_examples
from snntk_core.testing.stepped_reference import simulate_plainly
from snntk_nir import NirExporter, NirParser
from snntk_numpy.simulator import NumpySimulator

nir = pytest.importorskip("nir", reason="nir is not installed")
STEPS = 12
ALL = {op.__name__: graph for op, graph in op_examples().items()} | dict(neuron_examples()) | dict(networks())
TAKEN = {title: graph for title, graph in ALL.items() if not NirExporter.capabilities.check(graph)}


def first(batch, graph):
    """Return samples in NIR's layout: channels first."""
    op = graph.source.op
    own = batch.transpose(0, *(axis + 1 for axis in op.order)) if op.order else batch
    return np.moveaxis(own, -1, 1)


def arranged(array, shape):
    """Return (batch, ..., units) of a channels-last shape as channels first."""
    lead = array.shape[:-1]
    return np.moveaxis(array.reshape(*lead, *shape), -1, len(lead)).reshape(*lead, -1)


def same_spikes(graph, again, steps=STEPS, batch=None):
    batch = exact_batch(graph) if batch is None else batch
    expected = simulate_plainly(graph, batch, steps)
    found = simulate_plainly(again, first(batch, graph), steps)
    fired = [node.name for node in graph if isinstance(node.op, IntegrateFire)]
    assert fired
    for name in fired:
        shape, other = graph.shapes[name], again.shapes[name]
        one, two = expected.counts[name], found.counts[name]
        if shape != other or len(shape) == 1:  # flattened the other way around
            one, two = np.sort(one), np.sort(two)
        np.testing.assert_array_equal(one, two, err_msg=name)
    scores = arranged(expected.scores, graph.shapes[graph.outputs[0]])
    np.testing.assert_allclose(found.scores, scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("title", TAKEN)
def test_spike_for_spike(reread, title):
    graph = TAKEN[title]
    if title == "convolutional":
        pytest.skip("holds a SpikingMaxPool")
    same_spikes(graph, reread(graph))


def test_most_ops_are_taken():
    names = {"Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "AveragePool", "GlobalAveragePool", "Flatten", "Add",
             "Subtract", "Identity", "SpikeSource", "IntegrateFire", "Readout", "perceptron", "leak", "amplitude",
             "initial potential", "reset to zero", "threshold of each channel"}  # fmt: skip
    assert names <= set(TAKEN)


def lenet(amplitude=None):
    def fire(seed):
        threshold = np.abs(exact(4, seed=seed)) + 0.5
        return IntegrateFire(threshold, 0.5 * threshold, amplitude)

    nodes = (
        Node("input", SpikeSource((2, 9, 9), (1, 2, 0))),
        Node("block/conv1", Conv2D(exact(3, 3, 2, 4), exact(4), (2, 2), "same"), ("input",)),
        Node("block/fire.1", fire(1), ("block/conv1",)),
        Node("conv2", Conv2D(exact(2, 2, 4, 4, seed=3), None, (), "same"), ("block/fire.1",)),
        Node("fire2", fire(2), ("conv2",)),
        Node("sum", Add(), ("fire2", "block/fire.1")),
        Node("pool", AveragePool((2, 2)), ("sum",)),
        Node("flat", Flatten(), ("pool",)),
        Node("times", Scale(np.float32(2)), ("flat",)),
        Node("dense", Dense(exact(16, 6, seed=4), exact(6, seed=5)), ("times",)),
        Node("fire3", IntegrateFire(), ("dense",)),
        Node("last", Dense(exact(6, 3, seed=6)), ("fire3",)),
        Node("readout", Readout("softmax", 2), ("last",)),
    )
    return Graph(nodes, meta={"steps": "24"})


@pytest.mark.parametrize("amplitude", [None, np.float32(0.5), np.array([0.5, 1, 2, 4], np.float32)])
@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_a_network_of_many_parts(reread, amplitude, dt):
    graph = lenet(amplitude).verify()
    again = reread(graph, dt=dt)
    assert again.meta["steps"] == "24"
    assert "assumed" not in again.meta
    readout = again[again.outputs[0]].op
    assert (readout.link, readout.warm_up) == ("softmax", 2)
    names = {"block_fire_1": "block/fire.1"}
    for node in again:
        if node.name in names:
            again = again.rename(node.name, names[node.name])
    same_spikes(graph, again)


@pytest.mark.parametrize(
    "op",
    [
        Conv2D(exact(3, 1, 2, 4), exact(4), (), "same"),
        Conv2D(exact(1, 3, 2, 4), None, (2, 1), ((0, 0), (1, 1))),
        Conv2D(exact(3, 3, 1, 4), exact(4), (), "same", (), 2),
        Conv2D(exact(2, 2, 2, 4), exact(4), (), "same"),
        DepthwiseConv2D(exact(3, 3, 2, 3), exact(6), (1, 1), "same"),
    ],
)
def test_convolutions_that_nir_has_no_words_for(reread, op, tmp_path):
    """Zero taps and zero weights make them what nir's own check of types understands."""
    nodes = (Node("in", SpikeSource((5, 6, 2))), Node("f", IntegrateFire(), "in"), Node("op", op, "f"))
    graph = Graph((*nodes, Node("g", IntegrateFire(), "op"), Node("out", Readout(), "g"))).verify()
    same_spikes(graph, reread(graph))
    assert nir.read(tmp_path / "net.nir")


def test_on_the_numpy_simulator(reread):
    graph = lenet()
    again = reread(graph)
    batch = exact_batch(graph)
    with NumpySimulator().compile(graph) as one, NumpySimulator().compile(again) as two:
        expected = one.run(batch, duration=24)
        found = two.run(first(batch, graph), duration=24)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5, atol=1e-6)
    for name, other in (("fire2", "fire2"), ("fire3", "fire3"), ("block/fire.1", "block_fire_1")):
        np.testing.assert_array_equal(found.spike_counts[other], expected.spike_counts[name])


def test_graphs_are_written_the_same_twice(tmp_path):
    graph = lenet()
    for folder in ("a", "b"):
        with NirExporter(steps=7).compile(graph) as program:
            program.export(tmp_path / folder)
    one, two = (NirParser().load(tmp_path / folder / "net.nir") for folder in ("a", "b"))
    assert one.edges == two.edges
    assert list(one.nodes) == list(two.nodes)
    assert one.metadata["steps"] == 7
    np.testing.assert_array_equal(one.metadata["input_order"], [0, 1, 2])


def test_nir_itself_reads_the_file(tmp_path):
    graph = lenet()
    with NirExporter().compile(graph) as program:
        program.export(tmp_path)
    found = nir.read(tmp_path / "net.nir")
    kinds = {name: type(node).__name__ for name, node in found.nodes.items()}
    assert kinds["block_conv1"] == "Conv2d"
    assert kinds["pool"] == "SumPool2d"
    assert list(tmp_path.iterdir()) == [tmp_path / "net.nir"]
    assert size(tuple(found.output_type["readout"])) == 3


REFUSED = {
    "SpikingMaxPool": "op: SpikingMaxPool is not supported. Convert it with a recipe that has max-to-average-pool",
    "Upsample": "op: Upsample is not supported. NIR has nothing that enlarges an image",
    "ConvTranspose2D": "op: ConvTranspose2D is not supported. NIR has nothing that enlarges an image",
    "Concat": "op: Concat is not supported. Train a network",
    "Pad": "op: Pad is not supported. Pad in",
    "refractory": "Set refractory to 0",
    "Scale": "fold-constant-scale",
}


@pytest.mark.parametrize("title", REFUSED)
def test_what_nir_cannot_hold_is_refused(title):
    with pytest.raises(Incompatible) as caught:
        NirExporter().compile(ALL[title])
    assert REFUSED[title] in str(caught.value)


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (AveragePool((2, 2), (1, 1), "same"), "hang over"),
        (AveragePool((3, 3), (1, 1), "same"), "leaves its padding out"),
        (AveragePool((3, 3), (2, 2), ceil_mode=True), "hang over"),
        (Conv2D(exact(2, 2, 2, 2), None, (), "same", (3, 3)), "pads unevenly"),
        (Conv2D(exact(2, 3, 2, 2)), "2 by 3 taps"),
    ],
)
def test_windows_that_nir_cannot_hold(op, words):
    nodes = (Node("in", SpikeSource((4, 4, 2))), Node("f", IntegrateFire(), "in"), Node("op", op, "f"))
    graph = Graph((*nodes, Node("g", IntegrateFire(), "op"), Node("out", Readout(), "g")))
    assert any(words in str(issue) for issue in NirExporter.capabilities.check(graph))
