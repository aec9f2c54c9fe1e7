"""The rounding: what fits stays as it is, what does not gets the nearest numbers that a core holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import (
    Add,
    Context,
    Conv2D,
    Dense,
    Graph,
    IntegrateFire,
    Node,
    Readout,
    Relu,
    Scale,
    SpikeSource,
)
from snntk_core.testing.random_graphs import random_graph
from snntk_loihi.grid import grid_of
from snntk_loihi.limits import BIAS, MANTISSA, SYNAPTIC, UNIT
from snntk_loihi.rounding import few_bits, finest, on_step, width
from snntk_loihi.stages import synapses_of
from snntk_loihi.tables import bias
from snntk_loihi.transform import LoihiGrid
from snntk_numpy.simulator import NumpySimulator

floats = st.floats(-1e3, 1e3, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6)


@given(st.lists(floats, min_size=1, max_size=20), st.integers(0, 4))
def test_few_bits_are_the_nearest_mantissas_of_one_exponent(values, coarser):
    values = np.array(values, np.float32)
    rounded = few_bits(values, coarser)
    largest = np.abs(values).max()
    if not largest:
        assert not rounded.any()
        return
    step = 2.0 ** (np.ceil(np.log2(largest / MANTISSA)) + coarser)
    mantissas = rounded / step
    assert np.array_equal(mantissas, np.rint(mantissas))
    assert np.abs(mantissas).max() <= MANTISSA
    assert (np.abs(rounded - values) <= step / 2).all()
    assert np.array_equal(few_bits(rounded), rounded)


@given(st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=9), st.integers(-30, 30))
def test_the_finest_step_and_the_width_are_those_of_the_digits(whole, s):
    values = np.ldexp(np.array(whole, np.float64), -s)
    odd = [int(np.log2(abs(n) & -abs(n))) for n in whole if n]
    assert finest(values) == (s - min(odd) if odd else None)
    digits = [abs(n).bit_length() for n in whole if n]
    assert width(values) == max((high - low for high, low in zip(digits, odd, strict=True)), default=0)


@given(st.lists(st.integers(-(SYNAPTIC // 2), SYNAPTIC // 2).map(lambda n: 2 * n // 2 * 2), min_size=1, max_size=9))
def test_wide_weights_are_one_or_two_synapses(values):
    weight = np.clip(np.array(values), -MANTISSA * 256, MANTISSA * 256)
    parts = list(synapses_of(weight))
    assert len(parts) <= 2
    assert np.array_equal(sum((part for part, _ in parts), np.zeros_like(weight)), weight)
    for part, exponent in parts:
        mantissa = part / 2**exponent
        assert 0 <= exponent <= 7
        assert np.array_equal(mantissa, 2 * np.rint(mantissa / 2))
        assert np.abs(mantissa).max() <= 2 * MANTISSA


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=9), st.integers(-3, 12), st.booleans())
def test_a_bias_is_a_mantissa_and_an_exponent_and_the_nearest_one(values, s, whole):
    current = np.array(values)
    raw = bias(current, s, whole).astype(np.int64)
    exponent = np.maximum(np.ceil(np.log2(np.maximum(np.abs(raw), 1) / BIAS)), 0)
    assert exponent.max() <= 7
    assert np.array_equal(raw % 2 ** exponent.astype(np.int64), np.zeros(len(raw)))
    exact = np.ldexp(current, s) * UNIT
    inside = np.abs(exact) <= BIAS << 7
    error = np.abs(raw - exact)[inside]
    allowed = np.maximum(UNIT / 2 if whole else 0.5, np.abs(exact[inside]) / 4095 * (2 if whole else 1))
    assert (error <= allowed + 1e-9).all()
    assert (np.abs(raw[~inside]) == BIAS << 7).all()


def layered(seed: int, amplitude: float | None = None) -> Graph:
    """A network with a shortcut, nothing of it exact; without an ``amplitude`` spikes carry thresholds."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    def fire(threshold: float) -> IntegrateFire:
        carried = None if amplitude is None else np.float32(amplitude)
        return IntegrateFire(np.float32(threshold), np.float32(threshold / 3), carried, "zero")

    nodes = (
        Node("input", SpikeSource((6, 6, 2))),
        Node("conv1", Conv2D(normal(3, 3, 2, 4), normal(4), padding="same"), ("input",)),
        Node("fire1", fire(0.9), ("conv1",)),
        Node("conv2", Conv2D(normal(3, 3, 4, 4), normal(4), padding="same"), ("fire1",)),
        Node("scale", Scale(np.abs(normal(4)) + 0.1, normal(4)), ("fire1",)),
        Node("sum", Add(), ("conv2", "scale")),
        Node("fire2", fire(1.3), ("sum",)),
        Node("dense", Dense(normal(4, 3)), ("fire2",)),
        Node("readout", Readout(), ("dense",)),
    )
    return Graph(nodes)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from([None, 1, 0.5]))
def test_everything_between_neurons_is_on_the_grid(seed, amplitude):
    graph = layered(seed, amplitude)
    grid = grid_of(graph)
    assert not grid.unfit
    assert not grid.lost
    assert np.array_equal(grid.graph["conv1"].op.weight, graph["conv1"].op.weight)  # the host computes it
    for name, key in (("conv2", "weight"), ("scale", "factor"), ("dense", "weight")):
        rounded, before = getattr(grid.graph[name].op, key), getattr(graph[name].op, key)
        assert np.array_equal(few_bits(rounded), rounded)
        lost = 32 if amplitude is None else 1  # 0.9 has 7 bits too, and products 14
        assert np.abs(rounded - before).max() <= lost * np.abs(before).max() / MANTISSA
    s = grid.scale["fire2"]
    (projection,) = grid.network.into("fire2")
    whole = np.ldexp(projection.weight, s)
    assert np.array_equal(whole, 2 * np.rint(whole / 2))
    for array in (grid.graph["fire2"].op.threshold, grid.graph["fire2"].op.initial_potential):
        assert np.array_equal(array, on_step(array, s))
    biases = grid.network.currents(np.zeros((1, 6, 6, 2), np.float32))["fire2"]
    assert np.array_equal(biases, on_step(biases, s))
    for sign in (1, -1):
        most = np.bincount(projection.after, np.maximum(sign * whole, 0)).max()
        assert most <= SYNAPTIC


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**16))
def test_rounding_again_changes_nothing(seed):
    once = grid_of(layered(seed)).graph
    twice = grid_of(once).graph
    for node in once:
        for name, array in node.op.arrays.items():
            assert np.array_equal(array, twice[node.name].op.arrays[name]), (node.name, name)


def test_weights_whose_sum_would_overflow_lose_bits_and_no_more():
    """1024 synapses of 0.12: beside them a unit must reach 123 in 15 bits, so 64 of them make half."""
    rng = np.random.default_rng(0)
    weight = (0.12 * rng.uniform(0.5, 1, (1024, 1))).astype(np.float32)
    fire = IntegrateFire(reset="zero")
    nodes = (
        Node("input", SpikeSource((1024,))),
        Node("fire", fire, ("input",)),
        Node("dense", Dense(weight), ("fire",)),
        Node("fire2", fire, ("dense",)),
        Node("readout", Readout(), ("fire2",)),
    )
    grid = grid_of(Graph(nodes))
    s = grid.scale["fire2"]
    (projection,) = grid.network.projections[:1]
    assert SYNAPTIC / 2 < np.ldexp(projection.weight, s).sum() <= SYNAPTIC
    step = 2.0 ** -(s - 1)
    assert np.abs(projection.weight - weight.reshape(-1)).max() <= step / 2


@pytest.mark.parametrize("seed", range(4))
def test_analog_graphs_are_left_alone(seed):
    graph = random_graph(np.random.default_rng(seed))
    assert LoihiGrid().apply(graph, Context()) is graph
    relu = Graph(
        (Node("input", SpikeSource((2,))), Node("relu", Relu(), ("input",)), Node("out", Readout(), ("relu",)))
    )
    assert LoihiGrid().apply(relu, Context()) is relu


def counts(current, threshold, initial, steps):
    nodes = (
        Node("input", SpikeSource((len(current),))),
        Node("current", Dense(np.eye(len(current), dtype=np.float32)), ("input",)),
        Node("fire", IntegrateFire(threshold, initial, reset="zero"), ("current",)),
        Node("readout", Readout(), ("fire",)),
    )
    graph = Graph(nodes)
    recording = NumpySimulator(workers=1).compile(graph).run(current[None], duration=steps)
    return graph, recording.spike_counts["fire"][0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**16), st.floats(0.1, 30), st.floats(0, 1))
def test_input_rounding_moves_spikes_no_further_than_the_bound(seed, threshold, share):
    """Decision 0033: a current moves by at most a share of 2^-12 or half of 2^-(s+6), a threshold by less than a unit.

    Spike counts grow with the current and fall with the threshold, so those of the emulator lie between numpy's for
    both ends.  Its arithmetic is that of integers: a sum of equal biases, compared with the last silent potential.
    """
    steps, rng = 64, np.random.default_rng(seed)
    threshold, initial = np.float32(threshold), np.float32(threshold * share)
    current = (threshold * rng.uniform(-0.5, 1.5, 200)).astype(np.float32)
    graph, _ = counts(current, threshold, initial, steps)
    grid = grid_of(graph)
    s = grid.scale["fire"]
    raw = bias(current, s, whole=False)
    rounded, _ = counts_of_integers(raw, grid, s, steps)
    error = np.maximum(np.abs(current) * 2.0**-12, 2.0 ** -(s + 7)) + np.spacing(np.abs(current))
    unit, start = np.float32(2.0**-s), np.float32(2.0 ** -(s + 7))
    hair = np.float32(threshold * 2.0**-18)  # of float32 sums
    _, most = counts((current + error).astype(np.float32), threshold - unit - hair, initial + start, steps)
    _, least = counts((current - error).astype(np.float32), threshold + unit + hair, initial - start, steps)
    assert (rounded >= least).all()
    assert (rounded <= most).all()


def counts_of_integers(raw, grid, s, steps):
    """What a core does with constant biases: add, compare with the last silent potential, reset to zero."""
    from snntk_loihi.grid import last_without_spike

    silent = last_without_spike(grid.network["fire"], s)
    potential = (np.ldexp(grid.network["fire"].initial_potential, s) * UNIT).astype(np.int64)
    found = np.zeros(len(raw), np.int64)
    for _ in range(steps):
        potential = potential + raw
        fired = potential > silent
        found += fired
        potential[fired] = 0
    return found, potential
