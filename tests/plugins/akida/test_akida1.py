"""The simulator of Akida's first version: its potentials are those of plain int64, and its outputs the network's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prepared import IMAGE, PREPARED, conv, dense, network, relu, taken
from test_exporter import fed_and_real, integers, rows, with_powers_of_two

import snntk
from snntk_akida import Akida1Simulator
from snntk_core import Conv2D, Dense, Flatten, Graph, Input, Node, Relu, Scale, activations
from snntk_core.errors import DataError, Incompatible
from snntk_core.testing import check_component

FEEDS = [(64.0, 0), (256.0, 0), (128.0, 128)]


def test_kit() -> None:
    assert [str(o) for o in check_component(Akida1Simulator) if not o.passed] == []


@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from([2, 4, 8]),
    step=st.sampled_from([0.125, 0.5]),
    feed=st.sampled_from(FEEDS),
)
@settings(max_examples=25, deadline=None)
def test_it_computes_the_quantized_network(seed: int, bits: int, step: float, feed: tuple[float, int]) -> None:
    graph = with_powers_of_two(rows(step), bits)
    fed, real = fed_and_real(graph, seed, *feed)
    program = Akida1Simulator(*feed).compile(graph)
    recording = program.run(real)
    expected = activations(graph, real, ["r1", "r2", "r3", "d4"])
    for name in ("r1", "r2", "r3"):
        codes = expected[name] / graph[name].op.arrays["step"]
        np.testing.assert_array_equal(recording.spike_counts[name], codes.reshape(len(fed), -1))
    coarse = np.abs(recording.scores[:, 0] - expected["d4"]) * program.blocks[3].act_step
    assert coarse.max() <= 1 + 1e-5  # the last threshold is a whole number
    found = integers(program.blocks, fed)
    np.testing.assert_allclose(recording.scores[:, 0], found[-1], rtol=1e-6)


def test_potentials_are_plain_sums() -> None:
    """A convolution with a shifted input: integers around the image are the shift, not zero."""
    graph = network(("c1", conv(1, 4)), ("r1", relu()), source=IMAGE)
    program = Akida1Simulator(128.0, 128).compile(graph)
    (block,) = program.blocks
    codes = np.random.default_rng(0).integers(0, 256, size=(3, *graph.input_shape))
    padded = np.pad(codes, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=128)
    weight = block.codes["c1"].astype(np.int64)
    expected = np.zeros((3, 8, 8, 4), np.int64)
    for i, j in np.ndindex(3, 3):
        expected += np.einsum("bhwc,co->bhwo", padded[:, i : i + 8, j : j + 8], weight[i, j])
    np.testing.assert_array_equal(program.potentials(codes)["c1"], expected)


def test_a_scale_behind_the_input_takes_the_integers_themselves() -> None:
    tail = (("c1", conv(1, 4)), ("r1", relu()))
    plain = network(*tail, source=IMAGE)
    scaled = network(("s", Scale(np.float32(1 / 64), np.float32(-0.5))), *tail, source=IMAGE)
    codes = np.random.default_rng(1).integers(0, 256, size=(2, *plain.input_shape))
    inside = Akida1Simulator().compile(scaled).run(codes.astype(np.float32))
    outside = Akida1Simulator(64.0, 32).compile(plain).run((codes - 32) / 64)
    np.testing.assert_array_equal(inside.scores, outside.scores)


def test_a_calibrated_quantizer_may_round_down_as_akida_does() -> None:
    rng = np.random.default_rng(4)
    weight = [rng.normal(size=shape).astype(np.float32) for shape in ((3, 3, 1, 4), (144, 3))]
    ops = {"c": Conv2D(weight[0]), "r": Relu(), "f": Flatten(), "d": Dense(weight[1])}
    nodes = [Node("x", Input((8, 8, 1)))]
    for name, op in ops.items():
        nodes.append(Node(name, op, (nodes[-1].name,)))
    images = (rng.integers(0, 256, size=(30, 8, 8, 1)) / 255).astype(np.float32)
    graph = Graph(tuple(nodes))
    options = {"weight_bits": 4, "activation_bits": 4, "input_weight_bits": 8, "calibration": images}
    even = snntk.quantize(graph, **options)
    assert [issue.node for issue in snntk.check(even, "akida1")] == ["r"]
    quantizer = snntk.Registry.discover().quantizers["minimum-mean-square-error"](ties="down")
    down = snntk.quantize(graph, **options, activations=quantizer)
    simulator = Akida1Simulator(255.0)
    labels = snntk.evaluate(down, images).argmax(axis=-1)
    recording = snntk.simulate(down, images, steps=1, simulator=simulator, labels=labels)
    assert recording.accuracy is not None
    assert recording.accuracy[0] >= 0.9


def test_vectors_have_four_bits() -> None:
    graph = network(("d1", dense(6, 5)), ("r1", relu(4, 0.5)), source=Input((6,)))
    program = Akida1Simulator(15.0).compile(graph)
    codes = np.arange(12).reshape(2, 6)
    assert program.encode(codes / 15).tolist() == codes.tolist()
    with pytest.raises(DataError, match="no integers from 0 to 15"):
        program.encode(codes / 8 + 1)


def test_wrong_networks_and_samples_are_refused() -> None:
    with pytest.raises(Incompatible, match="its weights are not quantized"):
        Akida1Simulator().compile(PREPARED["not prepared"].graph)
    program = Akida1Simulator(255.0).compile(taken())
    with pytest.raises(DataError, match="The samples are no integers from 0 to 255: they begin at 0 and end at 510"):
        program.run(np.array([0.0, 2.0])[:, None, None, None] * np.ones((1, *taken().input_shape)))
