"""Chains, homogeneity, and other input sizes."""

import numpy as np
import pytest

from snntk_core import (
    Add,
    Concat,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    Input,
    MaxPool,
    Node,
    Relu,
    Scale,
    evaluate,
)
from snntk_core.chains import chains
from snntk_core.errors import Incompatible
from snntk_core.homogeneity import weights_homogeneity
from snntk_core.resizing import resize_input
from snntk_core.scaling import input_ranges, output_ranges

RNG = np.random.default_rng(0)


def image(*rows: tuple[str, object, str], shape=(6, 6, 2), order=()) -> Graph:
    nodes = (Node(name, op, tuple(inputs.split())) for name, op, inputs in rows)
    return Graph((Node("x", Input(shape, order)), *nodes))


def conv(channels: int = 2, units: int = 3) -> Conv2D:
    return Conv2D(RNG.normal(size=(3, 3, channels, units)), padding="same")


def test_a_network_without_branches_is_one_chain():
    graph = image(("c", conv(), "x"), ("r", Relu(), "c"), ("p", MaxPool((2, 2)), "r"))
    assert chains(graph) == (("x", "c", "r", "p"),)


def test_a_chain_ends_at_a_fork_at_an_output_and_before_a_join():
    graph = image(
        ("c", conv(), "x"),
        ("left", conv(3), "c"),
        ("r", Relu(), "left"),
        ("right", conv(3), "c"),
        ("join", Concat(), "r right"),
        ("end", Relu(), "join"),
    )
    assert chains(graph) == (("x", "c"), ("left", "r"), ("right",), ("join", "end"))
    two_outputs = Graph(graph.nodes, ("end", "join"))
    assert chains(two_outputs)[-2:] == (("join",), ("end",))
    twice = image(("c", conv(), "x"), ("sum", Add(), "c c"))
    assert chains(twice) == (("x", "c"), ("sum",))


def test_homogeneity_is_one_for_equal_channels_and_nan_for_none():
    even = np.array([[1.0, -1.0], [0.5, 0.2]])
    nodes = (
        Node("x", Input((2,))),
        Node("even", Dense(even), "x"),
        Node("r", Relu(), "even"),
        Node("uneven", Dense(even * [1, 0.5]), "r"),
        Node("none", Dense(np.zeros((2, 2))), "uneven"),
    )
    graph = Graph(nodes)
    found = weights_homogeneity(graph)
    assert list(found) == ["even", "uneven", "none"]
    assert (found["even"], found["uneven"]) == (1, 0.75)
    assert np.isnan(found["none"])


def test_ranges_are_those_of_the_channels():
    grouped = Conv2D(RNG.normal(size=(3, 3, 2, 6)), groups=2)
    for channel in range(4):
        group, local = divmod(channel, 2)
        seen = np.abs(grouped.weight[:, :, local, group * 3 : group * 3 + 3]).max()
        assert input_ranges(grouped)[channel] == seen
    np.testing.assert_array_equal(output_ranges(grouped), np.abs(grouped.weight).max(axis=(0, 1, 2)))
    depthwise = DepthwiseConv2D(RNG.normal(size=(3, 3, 2, 2)))
    np.testing.assert_array_equal(output_ranges(depthwise), np.abs(depthwise.weight).max(axis=(0, 1)).ravel())
    np.testing.assert_array_equal(input_ranges(depthwise), np.abs(depthwise.weight).max(axis=(0, 1, 3)))


@pytest.mark.parametrize("order", [(), (1, 2, 0)])
def test_another_size_shares_weights_and_keeps_the_layout(order):
    shape = (2, 6, 6) if order else (6, 6, 2)
    graph = image(("c", conv(), "x"), ("g", GlobalAveragePool(), "c"), ("d", Dense(np.ones((3, 2))), "g"),
                  shape=shape, order=order)  # fmt: skip
    resized = resize_input(graph, (9, 4))
    assert resized.input_shape == ((2, 9, 4) if order else (9, 4, 2))
    assert resized["c"].op is graph["c"].op
    assert evaluate(resized, np.ones((2, *resized.input_shape))).shape == (2, 2)
    assert str(resize_input(resized, (6, 6))) == str(graph)


def test_every_layer_that_does_not_fit_another_size_is_named():
    graph = image(
        ("c", conv(), "x"),
        ("f", Flatten(), "c"),
        ("d", Dense(np.ones((108, 2))), "f"),
        ("r", Relu(), "d"),
        ("mean", Scale(np.ones(()), np.ones((6, 6, 3))), "c"),
    )
    with pytest.raises(Incompatible) as refused:
        resize_input(graph, [8, 8])
    first, second = refused.value.issues
    assert str(first) == (
        "d: it has weights for 108 inputs and would get 192. Keep the size [6, 6], or train with global pooling in "
        "place of Flatten."
    )
    assert second.node == "mean"
    assert "resize_input cannot take this network" in str(refused.value)


@pytest.mark.parametrize("lengths", [(8,), (8, 8, 2), (0, 8), 8])
def test_lengths_that_are_no_size_are_refused(lengths):
    with pytest.raises(Incompatible, match="x: it takes 2 lengths above zero, got"):
        resize_input(image(("c", conv(), "x")), lengths)
