"""Ranges evened out: forks, zeros and missing biases keep their network; what was to be equal is equal."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import chain

from snntk_core import (
    Add,
    AveragePool,
    ClippedRelu,
    Context,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Graph,
    Input,
    LeakyRelu,
    MaxPool,
    Node,
    NumberFormat,
    QuantizedRelu,
    Relu,
    collect,
    evaluate,
)
from snntk_core.errors import Incompatible, OptionError
from snntk_core.homogeneity import weights_homogeneity
from snntk_core.scaling import input_ranges, output_ranges
from snntk_core.testing.random_graphs import random_batch, random_graph
from snntk_equalize import EqualizeLayers, EqualizePowerOfTwo, NormalizeSeparable, RescaleActivations

RNG = np.random.default_rng(0)
SEEDS = st.integers(0, 2**32 - 1)


def spread(*shape: int) -> np.ndarray:
    """Return weights whose output channels reach very unequally far."""
    return RNG.normal(size=shape) * np.logspace(-2, 1, shape[-1])


def assert_same(before: Graph, after: Graph, batch: np.ndarray | None = None) -> None:
    batch = np.random.default_rng(1).normal(size=(3, *before.input_shape)) if batch is None else batch
    for old, new in zip(before.outputs, after.outputs, strict=True):
        expected = evaluate(before, batch, old)
        np.testing.assert_allclose(
            evaluate(after.verify(), batch, new), expected, rtol=1e-9, atol=1e-9 * max(1, np.abs(expected).max())
        )


def weight(graph: Graph, name: str) -> np.ndarray:
    return graph[name].op.arrays["weight"]


def lenet() -> Graph:
    return chain(
        (8, 8, 2),
        c1=Conv2D(spread(3, 3, 2, 4), RNG.normal(size=4)),
        r1=Relu(),
        dw=DepthwiseConv2D(spread(3, 3, 4, 2), padding="same"),
        pw=Conv2D(spread(1, 1, 8, 6), RNG.normal(size=6)),
        p1=MaxPool((2, 2)),
        r2=LeakyRelu(0.1),
        up=ConvTranspose2D(spread(2, 2, 3, 4), groups=2, strides=(2, 2)),
        a=AveragePool((2, 2)),
        fl=Flatten(),
        d1=Dense(spread(36, 5), RNG.normal(size=5)),
        r3=Relu(),
        d2=Dense(spread(5, 3)),
    )


def test_each_channel_meets_equal_ranges_on_both_sides() -> None:
    graph = lenet()
    after = EqualizeLayers().apply(graph, Context())
    assert_same(graph, after)
    for one, two in (("c1", "dw"), ("dw", "pw"), ("pw", "up"), ("d1", "d2")):
        np.testing.assert_allclose(output_ranges(after[one].op), input_ranges(after[two].op), rtol=1e-6)
    spatially = input_ranges(after["d1"].op).reshape(-1, 4).max(axis=0)
    np.testing.assert_allclose(output_ranges(after["up"].op), spatially, rtol=1e-6)
    before, now = weights_homogeneity(graph), weights_homogeneity(after)
    assert sum(now.values()) > sum(before.values())


def test_flatten_stops_it_where_asked() -> None:
    graph = lenet()
    after = EqualizeLayers(through_flatten=False).apply(graph, Context())
    assert_same(graph, after)
    assert np.any(np.abs(output_ranges(after["up"].op) / input_ranges(after["d1"].op).reshape(-1, 4).max(axis=0) - 1)
                  > 0.01)  # fmt: skip


def test_all_readers_of_a_fork_take_part() -> None:
    nodes = (
        Node("x", Input((5,))),
        Node("d", Dense(spread(5, 4), RNG.normal(size=4)), "x"),
        Node("r", Relu(), "d"),
        Node("left", Dense(spread(4, 3)), "r"),
        Node("right", Dense(9 * spread(4, 3)), "d"),
        Node("sum", Add(), ("left", "right")),
    )
    graph = Graph(nodes).verify()
    after = EqualizeLayers().apply(graph, Context())
    assert_same(graph, after)
    read = np.maximum(input_ranges(after["left"].op), input_ranges(after["right"].op))
    np.testing.assert_allclose(output_ranges(after["d"].op), read, rtol=1e-6)


@pytest.mark.parametrize("blocker", [ClippedRelu(np.zeros(()), np.ones(())), QuantizedRelu(0.1, 7)])
def test_it_stops_at_what_keeps_no_factor_and_at_branches_without_weights(blocker: object) -> None:
    d1, d2 = Dense(spread(4, 4)), Dense(spread(4, 4))
    clipped = chain((4,), d1=d1, r=blocker, d2=d2)  # type: ignore[arg-type]
    assert EqualizeLayers().apply(clipped, Context()) is clipped
    residual = Graph((*chain((4,), d1=d1, r=Relu(), d2=d2).nodes, Node("sum", Add(), ("r", "d2"))))
    assert EqualizeLayers().apply(residual, Context()) is residual
    output = Graph(chain((4,), d1=d1, r=Relu(), d2=d2).nodes, ("d2", "r"))
    assert EqualizeLayers().apply(output, Context()) is output


def test_zero_filters_dead_channels_and_missing_biases_keep_the_network() -> None:
    first, second = spread(5, 4), spread(4, 3)
    first[:, 1], second[2] = 0, 0
    for bias in (None, RNG.normal(size=4)):
        graph = chain((5,), d1=Dense(first, bias), r=Relu(), d2=Dense(second))
        after = EqualizeLayers().apply(graph, Context())
        assert_same(graph, after)
        assert (after["d1"].op.arrays.get("bias") is None) == (bias is None)
        np.testing.assert_array_equal(weight(after, "d1")[:, 1:3], first[:, 1:3])


def test_what_is_quantized_already_is_refused_by_name() -> None:
    rounded = NumberFormat(8, 0.125).round(spread(4, 4))
    nodes = chain((4,), d1=Dense(rounded), r=Relu(), d2=Dense(spread(4, 2))).nodes
    graph = Graph(tuple(Node(n.name, n.op, n.inputs, {"weight": NumberFormat(8, 0.125)} if n.name == "d1" else {})
                        for n in nodes)).verify()  # fmt: skip
    for rewrite in (EqualizeLayers(), EqualizePowerOfTwo()):
        with pytest.raises(Incompatible, match="d1: it is quantized and would leave its grid"):
            rewrite.apply(graph, Context(RNG.normal(size=(8, 4))))


def test_options_are_checked() -> None:
    for component, options in ((EqualizeLayers, {"sweeps": -1}), (EqualizePowerOfTwo, {"bits": 0})):
        with pytest.raises(OptionError):
            component.configure(options)


@pytest.mark.parametrize("per", ["channel", "layer"])
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_activations_fill_a_range_with_a_power_of_two_for_a_step(bits: int, per: str) -> None:
    graph, samples = lenet(), RNG.normal(size=(64, 8, 8, 2))
    after = EqualizePowerOfTwo(bits, per).apply(graph, Context(samples))  # type: ignore[arg-type]
    assert_same(graph, after)
    for name, signed in (("r1", False), ("r2", True), ("r3", False)):
        found = collect(after, samples, [name])[name]
        largest = np.maximum(np.abs(found.minimum), found.maximum)
        largest = largest if per == "channel" else largest.max(keepdims=True)
        exponent = np.log2(largest[largest > 0] / max(2 ** (bits - signed) - 1, 1))
        np.testing.assert_allclose(exponent, np.rint(exponent), atol=2e-3)


def test_ranges_are_raised_never_lowered_and_biases_go_with_weights() -> None:
    graph, samples = lenet(), RNG.normal(size=(64, 8, 8, 2))
    after = EqualizePowerOfTwo().apply(graph, Context(samples))
    ratio = output_ranges(after["c1"].op) / output_ranges(graph["c1"].op)
    assert np.all((ratio >= 1) & (ratio <= 2))
    np.testing.assert_allclose(after["c1"].op.arrays["bias"] / graph["c1"].op.arrays["bias"], ratio)
    assert EqualizePowerOfTwo().apply(after, Context(samples)) is after
    with pytest.raises(ValueError, match="calibration"):
        EqualizePowerOfTwo().apply(graph, Context())


def separable(kernel: np.ndarray) -> Graph:
    mixed = kernel.shape[2] * kernel.shape[3]
    return chain(
        (6, 6, 3),
        dw=DepthwiseConv2D(kernel),
        pw=Conv2D(spread(1, 1, mixed, 4)),
        r=Relu(),
        alone=DepthwiseConv2D(spread(3, 3, 4, 1)),
        r2=Relu(),
        c=Conv2D(spread(1, 1, 4, 2)),
    )


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_weights_reach_one_and_a_zero_kernel_stays(multiplier: int) -> None:
    kernel = spread(3, 3, 3, multiplier)
    kernel[:, :, 1, 0] = 0
    graph = separable(kernel)
    after = NormalizeSeparable().apply(graph, Context())
    assert_same(graph, after)
    expected = np.ones(3 * multiplier)
    expected[multiplier] = 0
    np.testing.assert_allclose(output_ranges(after["dw"].op), expected)
    assert after["alone"].op is graph["alone"].op
    assert NormalizeSeparable().apply(after, Context()) is after


@pytest.mark.parametrize("layer", ["pw", "alone", "r"])
def test_what_is_no_separable_convolution_is_refused_by_name(layer: str) -> None:
    graph = separable(spread(3, 3, 3, 1))
    with pytest.raises(Incompatible, match=rf"{layer}: .* is not the depthwise half .* Name one of dw"):
        NormalizeSeparable(layers=layer).apply(graph, Context())
    assert NormalizeSeparable(layers="dw").apply(graph, Context()) is not graph


def quantized(step: object, channels: int = 3) -> Graph:
    graph = chain(
        (4,), d=Dense(RNG.normal(size=(4, channels))), q=QuantizedRelu(step, 15), e=Dense(spread(channels, 2))
    )
    number_format = NumberFormat(4, np.asarray(step), None if np.ndim(step) == 0 else 0, signed=False)
    return Graph(tuple(Node(n.name, n.op, n.inputs, {"output": number_format} if n.name == "q" else {})
                       for n in graph)).verify()  # fmt: skip


@pytest.mark.parametrize("step", [np.float32(2), np.array([2, 3, 0.001], np.float32)], ids=["layer", "channel"])
def test_codes_end_where_the_samples_do(step: np.ndarray) -> None:
    graph, samples = quantized(step), RNG.normal(size=(32, 4))
    after = RescaleActivations().apply(graph, Context(samples)).verify()
    op, largest = after["q"].op, collect(graph, samples, ["d"])["d"].maximum
    expected = largest.max() / 15 if step.ndim == 0 else [largest[0] / 15, largest[1] / 15, 0.001]
    np.testing.assert_allclose(op.arrays["step"], expected, rtol=1e-6)
    np.testing.assert_array_equal(after["q"].formats["output"].scale, op.arrays["step"])
    assert RescaleActivations().apply(after, Context(samples)) is after


def test_activations_that_stay_silent_keep_their_range() -> None:
    graph = chain((4,), d=Dense(-np.ones((4, 2))), q=QuantizedRelu(0.5, 15))
    assert RescaleActivations().apply(graph, Context(RNG.uniform(size=(8, 4)))) is graph


REWRITES = (EqualizeLayers(), EqualizePowerOfTwo(), EqualizePowerOfTwo(4, "layer"), NormalizeSeparable())


@pytest.mark.parametrize("index", range(len(REWRITES)))
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_random_networks_keep_their_output(index: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, spiking_friendly=bool(rng.integers(2)), depth=int(rng.integers(2, 14)))
    batch = random_batch(rng, graph, 8)
    after = REWRITES[index].apply(graph, Context(batch))
    assert_same(graph, after, batch)


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_random_stacks_are_equalized_once_and_for_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = rng.integers(1, 6, size=int(rng.integers(3, 8)))
    graph = chain(
        (int(widths[0]),),
        **{
            f"n{i}": op
            for i, (a, b) in enumerate(pairwise(widths))
            for op in [Dense(rng.normal(size=(a, b)) * 10.0 ** rng.integers(-3, 4, size=b))]
        },
    )
    after = EqualizeLayers().apply(graph, Context())
    assert EqualizeLayers().apply(after, Context()) is after
