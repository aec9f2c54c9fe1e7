"""The layout pass: same function, no transposes, weights in the right order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core.graph import Graph
from snntk_core.layout import channels_first, channels_last
from snntk_core.node import Node
from snntk_core.ops import (
    Add,
    AveragePool,
    BatchNorm,
    ClippedRelu,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Input,
    LeakyRelu,
    LogSoftmax,
    MaxPool,
    Pad,
    PRelu,
    Relu,
    Reshape,
    Scale,
    Softmax,
    Subtract,
    Transpose,
    Upsample,
)
from snntk_core.reference import evaluate
from snntk_core.testing.random_graphs import random_batch, random_graph

RNG = np.random.default_rng(0)


def same(graph: Graph) -> Graph:
    """Check that the pass keeps the function, and return the new graph."""
    before = graph.verify()
    after = channels_last(before)
    batch = np.random.default_rng(1).standard_normal((3, *before.input_shape))
    assert after.input_shape == before.input_shape
    np.testing.assert_allclose(evaluate(after, batch), evaluate(before, batch), rtol=1e-9, atol=1e-9)
    return after


def transposes(graph: Graph) -> list[str]:
    return [node.name for node in graph if isinstance(node.op, Transpose)]


class Builder:
    """Builds channels-first graphs, node by node."""

    def __init__(self, *shape: int, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes = [Node("x", Input(shape))]
        self.last = "x"

    def shape(self, name: str | None = None) -> tuple[int, ...]:
        return Graph(tuple(self.nodes)).shapes[name or self.last]

    def add(self, name, op, *inputs: str) -> str:
        self.nodes.append(Node(name, op, inputs or (self.last,)))
        self.last = name
        return name

    def first(self, name, op, input: str | None = None) -> str:
        nodes = channels_first(name, op, input or self.last, len(self.shape(input)) - 1)
        self.nodes += nodes
        self.last = nodes[-1].name
        return self.last

    def conv(self, name, out, kernel=3, padding="same", input=None, **options) -> str:
        rank, channels = len(self.shape(input)) - 1, self.shape(input)[0]
        weight = self.rng.standard_normal((kernel,) * rank + (channels, out))
        op = {1: Conv1D, 2: Conv2D}[rank](weight, self.rng.standard_normal(out), padding=padding, **options)
        return self.first(name, op, input)

    def dense(self, name, out) -> str:
        return self.add(name, Dense(self.rng.standard_normal((self.shape()[-1], out)), self.rng.standard_normal(out)))

    def graph(self) -> Graph:
        return Graph(tuple(self.nodes))


def test_conv_net_loses_every_transpose_and_keeps_its_names():
    b = Builder(2, 6, 5)
    b.conv("conv", 3)
    b.add("relu", Relu())
    b.first("pool", MaxPool((2, 2), (2, 2)))
    b.first("norm", BatchNorm(RNG.standard_normal(3), RNG.random(3) + 1, RNG.standard_normal(3)))
    b.add("flat", Flatten())
    b.add("scaled", Scale(RNG.standard_normal(18)))
    b.dense("dense", 4)
    graph = same(b.graph())
    assert not transposes(graph)
    assert [node.name for node in graph] == ["x", "conv", "relu", "pool", "norm", "flat", "scaled", "dense"]
    assert graph.source.op.order == (1, 2, 0)
    assert graph.shapes["conv"] == (6, 5, 3)


def test_one_spatial_axis():
    b = Builder(2, 9)
    b.conv("conv", 3)
    b.add("prelu", PRelu(RNG.random((3, 1))))
    b.first("pool", AveragePool((2,), (2,)))
    b.add("flat", Reshape((12,)))
    b.dense("dense", 4)
    graph = same(b.graph())
    assert not transposes(graph)
    assert graph["prelu"].op.slope.shape == (3,)


@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 1), (1, 1, 5), (4, 5), (3, 4, 5)])
def test_arrays_of_every_rank_follow_the_axes(shape):
    b = Builder(3, 4, 5)
    b.conv("conv", 3)
    b.add("scale", Scale(RNG.standard_normal(shape), RNG.standard_normal(shape)))
    b.add("clip", ClippedRelu(-RNG.random(shape), RNG.random(shape)))
    b.conv("again", 2)
    b.add("flat", Flatten())
    b.dense("dense", 2)
    assert not transposes(same(b.graph()))


def test_arrays_follow_the_elements_once_flat():
    b = Builder(3, 4, 5)
    b.conv("conv", 3)
    b.add("flat", Flatten())
    b.add("scale", Scale(RNG.standard_normal(60), RNG.standard_normal(60)))
    b.add("prelu", PRelu(RNG.random(60)))
    b.add("norm", BatchNorm(RNG.standard_normal(60), RNG.random(60) + 1, offset=RNG.standard_normal(60)))
    b.dense("dense", 2)
    assert not transposes(same(b.graph()))


def test_flat_branches_join():
    b = Builder(2, 4, 4)
    stem = b.conv("stem", 3)
    b.conv("left", 2, input=stem)
    left = b.add("left_flat", Flatten())
    b.conv("right", 4, input=stem)
    right = b.add("right_flat", Flatten())
    b.add("joined", Concat(), left, right)
    b.dense("dense", 3)
    assert not transposes(same(b.graph()))


def test_a_flat_join_as_output_is_written_out():
    b = Builder(2, 4, 4)
    left = b.add("left", Flatten(), b.conv("a", 2))
    right = b.add("right", Flatten(), b.conv("c", 4, input="x"))
    b.add("joined", Concat(), left, right)
    same(b.graph())


def test_softmax_concat_and_pad_follow_the_axis():
    b = Builder(2, 4, 4)
    one = b.conv("one", 3)
    two = b.conv("two", 2, input="x")
    b.add("both", Concat(0), one, two)
    b.add("padded", Pad(((1, 0), (0, 2), (-1, 0))))
    b.add("soft", Softmax(0))
    b.add("log", LogSoftmax(1))
    graph = same(b.graph())
    assert graph["both"].op.axis == -1
    assert graph["padded"].op.amounts == ((0, 2), (-1, 0), (1, 0))
    assert graph["soft"].op.axis == -1
    assert graph["log"].op.axis == 0
    assert transposes(graph) == ["log_transposed"]  # the output keeps the model's own layout


def test_residual_adds_carry_and_others_are_written_out():
    b = Builder(3, 4, 4)
    stem = b.conv("stem", 3)
    body = b.add("relu", Relu(), b.conv("body", 3, input=stem))
    b.add("sum", Add(), stem, body)
    b.add("difference", Subtract(), "sum", "x")
    b.add("flat", Flatten())
    b.dense("dense", 2)
    assert not transposes(same(b.graph()))


def test_global_pool_then_flatten():
    b = Builder(3, 4, 4)
    b.conv("conv", 6)
    b.first("pool", GlobalAveragePool(keep_axes=True))
    b.add("flat", Reshape((6,)))
    b.dense("dense", 2)
    graph = same(b.graph())
    assert not transposes(graph)


def test_flat_input_reshaped_to_an_image():
    b = Builder(20)
    b.add("image", Reshape((1, 4, 5)))
    b.conv("conv", 2)
    b.add("flat", Flatten())
    b.dense("dense", 2)
    graph = same(b.graph())
    assert not transposes(graph)
    assert graph.shapes["image"] == (4, 5, 1)


def test_channels_last_input_reshaped_by_a_converter():
    b = Builder(4, 5, 1)
    b.add("image", Reshape((1, 4, 5)))
    b.conv("conv", 2)
    b.add("back", Transpose((1, 2, 0)))
    b.add("flat", Flatten())
    b.dense("dense", 2)
    graph = same(b.graph())
    assert [node.name for node in graph] == ["x", "conv", "flat", "dense"]
    assert not graph.source.op.order


def test_unflatten_and_length_one_axes():
    b = Builder(3, 4, 1)
    b.conv("conv", 2)
    b.add("flat", Flatten())
    b.add("back", Reshape((2, 4, 1)))
    b.conv("again", 2)
    b.add("line", Reshape((2, 4)))
    b.conv("one", 3)
    b.add("square", Reshape((2, 2, 3)))
    b.add("end", Flatten())
    b.dense("dense", 2)
    assert len(transposes(same(b.graph()))) == 1  # (3, 4) to (2, 2, 3) mixes the axes


def test_a_graph_of_channels_last_ops_is_left_alone():
    nodes = (
        Node("x", Input((4, 4, 2))),
        Node("conv", Conv2D(RNG.standard_normal((3, 3, 2, 3))), ("x",)),
        Node("up", Upsample((2, 2)), ("conv",)),
        Node("drop", Dropout(), ("up",)),
        Node("flat", Flatten(), ("drop",)),
    )
    graph = same(Graph(nodes))
    assert [node.name for node in graph] == [node.name for node in nodes]


def test_outputs_keep_the_layout_of_the_model():
    b = Builder(2, 3, 4)
    b.conv("conv", 5)
    graph = same(b.graph())
    assert graph.shapes[graph.outputs[0]] == (5, 3, 4)


STEPS = ["conv", "pool", "norm", "relu", "prelu", "scale", "residual", "concat", "pad", "softmax", "up", "turn"]


def grow(b: Builder, step: str, index: int, draw) -> None:
    shape, name, rank = b.shape(), f"{step}{index}", len(b.shape()) - 1
    if step == "conv":
        b.conv(name, draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 3])))
    elif step == "pool" and min(shape[1:]) > 1:
        b.first(name, draw(st.sampled_from([MaxPool, AveragePool]))((2,) * rank, (1,) * rank))
    elif step == "norm":
        b.first(name, BatchNorm(b.rng.standard_normal(shape[0]), b.rng.random(shape[0]) + 0.5))
    elif step in ("relu", "leaky"):
        b.add(name, Relu() if step == "relu" else LeakyRelu())
    elif step in ("prelu", "scale"):
        keep = draw(st.tuples(*(st.booleans() for _ in shape)))
        array = b.rng.standard_normal([n if k else 1 for n, k in zip(shape, keep, strict=True)])
        b.add(name, PRelu(array) if step == "prelu" else Scale(array, array))
    elif step == "residual":
        start = b.last
        b.add(f"{name}_sum", Add(), start, b.conv(name, shape[0]))
    elif step == "concat":
        start = b.last
        b.add(f"{name}_both", Concat(0), start, b.conv(name, 2))
    elif step == "pad":
        b.add(name, Pad(tuple(draw(st.tuples(*[st.integers(0, 1)] * 2)) for _ in shape)))
    elif step == "softmax":
        b.add(name, Softmax(draw(st.integers(-len(shape), len(shape) - 1))))
    elif step == "up" and max(shape) < 8:
        b.first(name, Upsample((2,) * rank))
    elif step == "turn":
        b.add(name, Transpose(tuple(draw(st.permutations(range(len(shape)))))))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_random_channels_first_graphs(data):
    draw = data.draw
    b = Builder(*draw(st.lists(st.integers(1, 5), min_size=2, max_size=3)), seed=draw(st.integers(0, 99)))
    steps = draw(st.lists(st.sampled_from(STEPS), max_size=7))
    for index, step in enumerate(steps):
        grow(b, step, index, draw)
    flat = draw(st.booleans())
    if flat:
        b.add("flat", Flatten())
        b.dense("dense", 3)
    graph = same(b.graph())
    if flat and "turn" not in steps:
        assert not transposes(graph)


@pytest.mark.parametrize("seed", range(200))
def test_graphs_of_every_op_keep_every_output(seed):
    rng = np.random.default_rng(seed)
    before = random_graph(rng)
    after, batch = channels_last(before), random_batch(rng, before)
    for old, new in zip(before.outputs, after.outputs, strict=True):
        np.testing.assert_allclose(evaluate(after, batch, new), evaluate(before, batch, old), rtol=1e-9, atol=1e-9)
    assert len(transposes(after)) <= len(transposes(before))
