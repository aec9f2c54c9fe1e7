"""The integer network equals the quantized network in exact arithmetic: every layer, every sample, no tolerance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from exact_evaluation import evaluated, fractions, grid
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_quantized import random_quantized

from snntk_core import Graph, WeightedOp, activations
from snntk_core.errors import Incompatible
from snntk_integer.lowering import integer_network
from snntk_integer.network import IntegerNetwork
from snntk_integer.rationals import exact
from snntk_integer.rounding import Ladder, Requantize

FEEDS = [(None, 0), (15.0, 0), (0.3, 0), (8.0, 8)]


def lowered(graph: Graph, feed: tuple[float | None, int]) -> IntegerNetwork | None:
    """Return the integer network, or None where it is refused by name."""
    try:
        return integer_network(graph, input_scale=feed[0], input_shift=feed[1], input_bits=4)
    except Incompatible as error:
        unnamed = [issue for issue in error.issues if issue.node not in graph or not issue.problem]
        if unnamed:
            raise AssertionError(f"{unnamed[0]} names no node, or no reason") from error
        return None


def as_fractions(network: IntegerNetwork, name: str, integers: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return what the integers of a layer stand for."""
    value = network[name].value
    total = value.offset
    for term, array in zip(value.terms, integers, strict=True):
        assert array.dtype == np.int32
        assert term.lowest <= array.min()
        assert array.max() <= term.highest
        total = total + term.gain * array.astype(object)
    return np.broadcast_to(total, integers[0].shape)


def fed(network: IntegerNetwork, rng: np.random.Generator, count: int) -> np.ndarray:
    low, high = network.feed.lowest, network.feed.highest
    return rng.integers(low, high + 1, size=(count, *network.feed.shape))


@given(seed=st.integers(0, 2**32 - 1), dyadic=st.booleans(), feed=st.sampled_from(FEEDS))
@settings(max_examples=40, deadline=None)
def test_every_layer_equals_exact_arithmetic(seed: int, dyadic: bool, feed: tuple[float | None, int]) -> None:
    rng = np.random.default_rng(seed)
    graph = random_quantized(rng, dyadic=dyadic)
    assume(graph is not None)
    assert graph is not None
    network = lowered(graph, feed)
    assume(network is not None)
    assert network is not None
    codes = fed(network, rng, 2)
    real = (fractions(codes) - network.feed.shift) / network.feed.scale
    expected = evaluated(graph, real)
    found = network.evaluate(codes, [layer.name for layer in network.layers])
    for layer in network.layers:
        assert (as_fractions(network, layer.name, found[layer.name]) == expected[layer.name]).all(), layer.name


def test_most_random_networks_have_integers_and_all_ways_to_round_turn_up() -> None:
    taken, kinds = 0, set()
    for seed in range(60):
        graph = random_quantized(np.random.default_rng(seed), dyadic=seed % 2 == 0)
        network = None if graph is None else lowered(graph, (None, 0))
        if network is not None:
            taken += 1
            kinds |= {type(layer.kernel) for layer in network.layers}
    assert taken >= 30
    assert kinds >= {Ladder, Requantize}


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_on_powers_of_two_it_equals_the_evaluation_in_float64(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_quantized(rng, dyadic=True)
    assume(graph is not None)
    assert graph is not None
    network = lowered(graph, (8.0, 8))
    assume(network is not None)
    assert network is not None
    codes = fed(network, rng, 3)
    names = [layer.name for layer in network.layers]
    expected = activations(graph, (codes - 8) / 8.0, names)
    found = network.evaluate(codes, names)
    for name in names:
        values = network[name].value.decode(found[name])
        np.testing.assert_allclose(values, expected[name], rtol=1e-12, atol=1e-12)


def test_grid_of_weights_is_that_of_the_format() -> None:
    for seed in range(10):
        graph = random_quantized(np.random.default_rng(seed), dyadic=True)
        for node in graph or ():
            if isinstance(node.op, WeightedOp):
                np.testing.assert_array_equal(grid(node).astype(np.float32), node.op.arrays["weight"])


def test_sums_of_grids_are_decided_exactly_where_the_estimate_leaves_two_codes() -> None:
    """With a coarse estimate nearly every value is decided by fractions, and nothing changes."""
    decided = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        graph = random_quantized(rng, dyadic=seed % 2 == 0)
        network = None if graph is None else lowered(graph, (None, 0))
        for layer in [] if network is None else network.layers:
            kernel = layer.kernel
            if isinstance(kernel, Requantize):
                fine = [network[n].value for n in layer.inputs if n != network.source]
                assert len(fine) <= 1
                shapes = [np.asarray(gain).shape for gain in kernel.gains]
                shape = np.broadcast_shapes(*shapes, kernel.offset.shape, *(array.shape for array in kernel.factors))
                arrays = tuple(rng.integers(-50, 50, size=(2, *shape)).astype(np.int32) for _ in kernel.gains)
                coarse = replace(kernel, slack=1 << kernel.shift)
                np.testing.assert_array_equal(kernel([arrays])[0], coarse([arrays])[0])
                decided += 1
    assert decided > 3


def test_exact_takes_floats_as_they_are() -> None:
    third = np.float32(1 / 3)
    assert exact(third)[0] == fractions(np.asarray(third)).item()
    assert exact(third)[0] * 3 != 1
