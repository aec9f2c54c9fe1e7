"""Bytes times 8-bit weights give the sums that plain arithmetic gives, and trains hold the spikes of masks."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the event engine needs numba: pip install 'snntk[event]'")

from numba import njit

from snntk_core import AveragePool, Conv2D, Dense, Flatten, Graph, IntegrateFire, Node, Readout, SpikeSource
from snntk_event.chunk import Emitted, words
from snntk_event.kernels import dots
from snntk_event.kernels.dots import plus_dots
from snntk_event.kernels.products import count_quads, room_for_quads, sum_products
from snntk_event.kernels.terms import LANES, STEPS
from snntk_event.kernels.vectors import load, store, zeros
from snntk_event.lowering import lower
from snntk_event.memory import Memory
from snntk_event.products import products
from snntk_event.tiling import alone, tiled

SUMS = LANES * STEPS


def added(sums, quads, weights):
    """Return what the compiled product adds to ``sums`` (steps, 16)."""

    @njit
    def run(sums, quads, weights, out):
        before = load(sums.ctypes.data, zeros(np.int32(0), SUMS))
        store(out.ctypes.data, plus_dots(before, quads.ctypes.data, load(weights.ctypes.data, zeros(np.int32(0), 16))))

    out = np.empty_like(sums)
    run(sums, quads, weights, out)
    return out


@pytest.mark.parametrize("instruction", [True, False])
def test_dots_are_exact_with_the_instruction_and_without(monkeypatch, instruction):
    if instruction and not dots.has_instruction():
        pytest.skip("this processor has no such instruction")
    monkeypatch.setattr(dots, "has_instruction", lambda: instruction)
    rng = np.random.default_rng(0)
    sums = rng.integers(-(2**20), 2**20, (STEPS, LANES)).astype(np.int32)
    quads = rng.integers(0, 256, (STEPS, 4)).astype(np.uint8)
    weights = rng.integers(-128, 128, (LANES, 4)).astype(np.int8)
    quads[0], weights[0], weights[1] = 255, 127, -128
    expected = sums + quads.astype(np.int32) @ weights.astype(np.int32).T
    np.testing.assert_array_equal(added(sums, quads, weights), expected)


def test_another_processor_than_this_is_not_taken_to_have_the_instruction():
    code = "from snntk_event.kernels.dots import has_instruction; print(has_instruction())"
    asked = {**os.environ, "NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": ""}
    answer = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


@st.composite
def layers(draw):
    """Return a layer, the tiling of its source, and spikes of the source: (images, steps, *shape)."""
    rows, columns, channels, units = (draw(st.integers(1, most)) for most in (6, 9, 70, 70))
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    nodes = [Node("in", SpikeSource((rows, columns, channels))), Node("source", IntegrateFire(), ("in",))]
    if draw(st.booleans()) and rows > 1 and columns > 1:
        nodes.append(Node("pool", AveragePool((2, 2), strides=draw(st.sampled_from([(2, 2), (1, 1)]))), ("source",)))
    if draw(st.booleans()):
        weight = rng.integers(-127, 128, (*kernel, channels, units)) / 64
        nodes.append(
            Node(
                "weighted",
                Conv2D(weight, padding="same", strides=draw(st.sampled_from([(1, 1), (2, 1)]))),
                (nodes[-1].name,),
            )
        )
    else:
        nodes.append(Node("flat", Flatten(), (nodes[-1].name,)))
        read = int(np.prod(Graph((*nodes, Node("out", Readout(), ("flat",)))).shapes["flat"]))
        nodes.append(Node("weighted", Dense(rng.integers(-127, 128, (read, units)) / 64), ("flat",)))
    graph = Graph((*nodes, Node("out", Readout(), ("weighted",))))
    shape = (rows, columns, channels)
    tiling = draw(st.sampled_from([found for found in (tiled(shape), alone(shape, 64)) if found is not None]))
    fired = rng.random((2, draw(st.integers(1, 20)), *shape)) < draw(st.sampled_from([0.0, 0.1, 1.0]))
    return graph, tiling, fired


@njit
def currents_of(table, image, steps, positions, out):
    quads = room_for_quads(table, steps)
    tile = np.zeros((steps, out.shape[2] + 16), np.float32)
    count_quads(table, image, steps, quads)
    for position in range(positions):
        sum_products(table, quads, steps, position, 1, out.shape[2], tile)
        out[:, position] = tile[:, : out.shape[2]]


@settings(max_examples=80, deadline=None)
@given(layers())
def test_currents_are_those_of_the_graph(example):
    graph, tiling, fired = example
    lowered = lower(graph)
    found = products(lowered.layers[-1].terms, {"source": tiling})
    trains = emitted(fired, tiling).trains
    shape = graph.shapes["weighted"]
    positions, channels = int(np.prod(shape[:-1])), shape[-1]
    out = np.zeros((trains.shape[3], positions, -(-channels // 16) * 16), np.float32)
    for image in range(len(fired)):
        currents_of(found.table([trains], Memory()), image, trains.shape[3], positions, out)
        spikes = {"source": fired[image].astype(np.float32)}
        expected = lowered.currents.driven("weighted", spikes).reshape(fired.shape[1], positions, channels)
        np.testing.assert_array_equal(out[: fired.shape[1], :, :channels], expected)


def emitted(fired, tiling):
    """Return spikes (images, steps, *shape) as a layer emits them, in masks."""
    images, steps, *shape = fired.shape
    wide = np.zeros((images, steps, int(np.prod(shape[:-1])), 64 * words(shape[-1])), bool)
    wide[..., : shape[-1]] = fired.reshape(images, steps, -1, shape[-1])
    masks = np.packbits(wide, axis=-1, bitorder="little").view(np.uint64)
    return Emitted(tuple(shape), steps, masks, None, tiling)


@settings(max_examples=60, deadline=None)
@given(layers())
def test_trains_and_masks_hold_the_same_spikes(example):
    _, tiling, fired = example
    before = emitted(fired, tiling)
    after = Emitted(before.shape, before.steps, before.trains, None, tiling, as_trains=True)
    np.testing.assert_array_equal(after.masks, before.masks)
    assert before.spikes == after.spikes == fired.sum()


def test_what_does_not_fit_in_bytes_has_no_such_form():
    rng = np.random.default_rng(0)

    def found(weight, channels=8):
        nodes = (
            Node("in", SpikeSource((channels,))),
            Node("source", IntegrateFire(), ("in",)),
            Node("weighted", Dense(weight), ("source",)),
            Node("out", Readout(), ("weighted",)),
        )
        return products(lower(Graph(nodes)).layers[-1].terms, {"source": alone((channels,), 64)})

    assert found(rng.integers(-127, 128, (8, 3)) / 2) is not None
    assert found(rng.normal(size=(8, 3))) is None
    assert found(np.ones((1 << 16, 1)), 1 << 16) is not None
    assert found(np.ones(((1 << 16) + 4, 1)), (1 << 16) + 4) is None
