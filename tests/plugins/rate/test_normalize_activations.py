"""Normalization changes nothing but scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import (
    Add,
    ClippedRelu,
    Concat,
    Context,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    Input,
    MaxPool,
    Node,
    Relu,
    Scale,
    Sigmoid,
    activations,
    evaluate,
)
from snntk_core.errors import OptionError
from snntk_core.testing.random_graphs import random_graph
from snntk_rate import NormalizeActivations


def residual(rng: np.random.Generator) -> Graph:
    """A shortcut into an Add whose branch ends in no activation, then a Concat of two scales."""

    def conv(kernel: int, before: int, after: int) -> Conv2D:
        weight = rng.normal(size=(kernel, kernel, before, after)) * rng.uniform(0.2, 5, after)
        return Conv2D(weight, rng.normal(size=after), padding="same")

    return Graph(
        (
            Node("input", Input((3, 8, 8), (1, 2, 0))),
            Node("conv1", conv(3, 3, 6), "input"),
            Node("relu1", Relu(), "conv1"),
            Node("conv2", conv(3, 6, 6), "relu1"),
            Node("relu2", ClippedRelu(), "conv2"),
            Node("conv3", conv(3, 6, 6), "relu2"),
            Node("sum", Add(), ("conv3", "relu1")),
            Node("relu3", Relu(), "sum"),
            Node("pool", MaxPool((2, 2)), "relu3"),
            Node("conv4", conv(1, 6, 4), "pool"),
            Node("relu4", Relu(), "conv4"),
            Node("join", Concat(), ("relu4", "pool")),
            Node("flat", Flatten(), "join"),
            Node("dense", Dense(rng.normal(size=(160, 10)), rng.normal(size=10)), "flat"),
        )
    ).verify()


@pytest.mark.parametrize("per", ["channel", "layer"])
@pytest.mark.parametrize("percentile", [90.0, 99.9, 100.0])
def test_the_network_stays_the_same_function(per: str, percentile: float) -> None:
    rng = np.random.default_rng(1)
    graph, x = residual(rng), rng.normal(size=(50, 3, 8, 8))
    after = NormalizeActivations(percentile, per).apply(graph, Context(x))
    before = evaluate(graph, x)
    assert np.abs(evaluate(after, x) - before).max() <= 1e-6 * np.abs(before).max()


@pytest.mark.parametrize("per", ["channel", "layer"])
def test_the_percentile_becomes_one(per: str) -> None:
    rng = np.random.default_rng(2)
    graph, x = residual(rng), rng.normal(size=(50, 3, 8, 8))
    after = NormalizeActivations(99.0, per).apply(graph, Context(x))
    for name, values in activations(after, x, ["relu1", "relu3", "relu4"]).items():
        columns = values.reshape(-1, values.shape[-1]).T if per == "channel" else [values.ravel()]
        found = [np.percentile(column[column > 0], 99.0) for column in columns if (column > 0).any()]
        np.testing.assert_allclose(found, 1, rtol=1e-5, err_msg=name)


def test_a_clipped_activation_is_scaled_by_its_bound_at_most() -> None:
    rng = np.random.default_rng(3)
    graph, x = residual(rng), 100 * rng.normal(size=(20, 3, 8, 8))
    after = NormalizeActivations(100.0).apply(graph, Context(x))
    np.testing.assert_allclose(after["relu2"].op.upper, 1, rtol=1e-6)


def test_only_the_shortcut_without_weights_gets_a_scale() -> None:
    rng = np.random.default_rng(4)
    graph, x = residual(rng), rng.normal(size=(50, 3, 8, 8))
    after = NormalizeActivations().apply(graph, Context(x))
    assert [node.inputs for node in after if isinstance(node.op, Scale)] == [("relu1",)]


def test_normalizing_twice_is_normalizing_once() -> None:
    rng = np.random.default_rng(5)
    graph, context = residual(rng), Context(rng.normal(size=(50, 3, 8, 8)))
    once = NormalizeActivations().apply(graph, context)
    assert NormalizeActivations().apply(once, context) is once


def test_a_silent_channel_gets_the_largest_scale_of_its_layer() -> None:
    weight = np.eye(3) * [1.0, 4.0, -1.0]
    graph = Graph((Node("input", Input((3,))), Node("dense", Dense(weight), "input"), Node("relu", Relu(), "dense")))
    scales = NormalizeActivations(100.0).scales(graph, np.full((4, 3), 0.5))
    np.testing.assert_allclose(scales["relu"], [0.5, 2.0, 2.0])


def test_other_activations_keep_their_scale() -> None:
    graph = Graph(
        (
            Node("input", Input((2,))),
            Node("dense", Dense(np.eye(2) * 8), "input"),
            Node("relu", Relu(), "dense"),
            Node("sigmoid", Sigmoid(), "relu"),
        )
    )
    x = np.random.default_rng(6).normal(size=(30, 2))
    after = NormalizeActivations().apply(graph, Context(x))
    np.testing.assert_allclose(evaluate(after, x), evaluate(graph, x), rtol=1e-6)


def test_a_percentile_out_of_range_is_refused() -> None:
    with pytest.raises(OptionError, match="between 50 and 100, got 12"):
        NormalizeActivations.configure({"percentile": 12})


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), friendly=st.booleans(), per=st.sampled_from(["channel", "layer"]))
def test_normalization_changes_nothing_but_scale(seed: int, friendly: bool, per: str) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, spiking_friendly=friendly)
    x = rng.normal(size=(12, *graph.input_shape))
    after = NormalizeActivations(99.0, per).apply(graph, Context(x)).verify()
    before = evaluate(graph, x)
    assert np.abs(evaluate(after, x) - before).max() <= 1e-5 * max(np.abs(before).max(), 1e-3)
