"""The loop over a layer gives what numpy gives for the same rows, weights and neurons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the event engine needs numba: pip install 'snntk[event]'")

from test_compact import masks_of

from snntk_core import IntegrateFire
from snntk_core.reference.neuron import initial_state, step
from snntk_event.kernels import terms as fields
from snntk_event.kernels.compact import compact
from snntk_event.kernels.gather import LINE, packed
from snntk_event.kernels.layer import block_size, run_layer, scan_currents

NONE = np.zeros((0, 0, 0, 0), np.float32)
POSITIONS, INPUTS, STEPS, IMAGES = 3, 7, 6, 2


def neuron_runs(op, currents):
    """Return spikes and V after every step of (images, steps, positions, channels) currents, by the reference."""
    state = initial_state(op, currents[:, 0].shape, np.dtype(np.float32))
    fired, potential = [], []
    for time in range(currents.shape[1]):
        fired.append(step(op, state, currents[:, time]).copy())
        potential.append(state.potential.copy())
    return np.stack(fired, axis=1), np.stack(potential, axis=1)


def run(op, currents, channels, terms=None, chunks=(STEPS,), traced=True):
    """Run a layer of ``op`` chunk by chunk; return spikes, V after every step (where traced) and counts."""
    block = block_size(channels)
    width = -(-channels // block) * block
    threshold, constant = np.full((1, width), np.inf, np.float32), np.zeros((1, 1, width), np.float32)
    threshold[:, :channels] = op.threshold
    state = np.broadcast_to(op.initial_potential.astype(np.float32), (IMAGES, POSITIONS, width)).copy()
    blocked = np.zeros(state.shape if op.refractory else (0, 0, 0), np.int32)
    counts, fired, traces, begin = np.zeros(state.shape, np.int32), [], [], 0
    neuron = (np.float32(1 - op.leak), op.reset == "zero", op.refractory, state, blocked, counts)
    for steps in chunks:
        masks = np.empty((IMAGES, steps, POSITIONS, -(-channels // 64)), np.uint64)
        trace = np.zeros((IMAGES, steps, POSITIONS, channels), np.float32) if traced else NONE
        rest = (masks, trace, channels, 0, IMAGES, 0, POSITIONS)
        if terms is None:
            driven = np.ascontiguousarray(currents[:, begin : begin + steps])
            scan_currents(driven, constant, threshold, *neuron, *rest)
        else:
            run_layer(terms(begin, steps), block, constant, threshold, *neuron, *rest)
        bits = np.unpackbits(masks.view(np.uint8), axis=-1, bitorder="little").astype(bool)
        assert not bits[..., channels:].any()
        fired.append(bits[..., :channels])
        traces.append(trace)
        begin += steps
    return np.concatenate(fired, axis=1), np.concatenate(traces, axis=1) if traced else None, counts[..., :channels]


neurons = st.builds(
    IntegrateFire,
    threshold=st.sampled_from([np.float32(1), np.float32(0.5)]),
    initial_potential=st.sampled_from([np.float32(0), np.float32(0.25)]),
    reset=st.sampled_from(["subtract", "zero"]),
    leak=st.sampled_from([0.0, 0.25]),
    refractory=st.sampled_from([0, 2]),
)


@settings(max_examples=40, deadline=None)
@given(neurons, st.sampled_from([1, 6, 16, 20, 64, 70]), st.integers(0, 99), st.booleans())
def test_neurons_step_as_the_reference_says(op, channels, seed, split):
    currents = np.random.default_rng(seed).integers(-4, 9, (IMAGES, STEPS, POSITIONS, channels)).astype(np.float32) / 8
    fired, potential = neuron_runs(op, currents)
    got, trace, counts = run(op, currents, channels, chunks=(2, STEPS - 2) if split else (STEPS,))
    np.testing.assert_array_equal(got, fired)
    np.testing.assert_array_equal(trace, potential)
    np.testing.assert_array_equal(counts, fired.sum(axis=1))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([3, 16, 31, 64, 100]),
    st.sampled_from(["integers", "floats", "grouped"]),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.integers(0, 99),
    st.booleans(),
)
def test_rows_of_weights_are_summed(channels, kind, density, seed, traced):
    random = np.random.default_rng(seed)
    spikes = random.random((IMAGES, STEPS, POSITIONS, INPUTS)) < density
    codes = random.integers(-127, 128, (INPUTS, channels)).astype(np.int8)
    scale = np.exp2(random.integers(-6, -3, channels)).astype(np.float32)
    weights = codes * scale
    if kind == "grouped":  # every input reaches its own channel
        columns = (np.arange(INPUTS) % channels).astype(np.int32)
        weights = np.where(np.arange(channels) == columns[:, None], weights, 0)
    alive = []

    def terms(begin, steps):
        entries, starts = compact(masks_of(spikes[:, begin : begin + steps]), INPUTS)
        segments = np.array([[p, p + 1, p * INPUTS] for p in range(POSITIONS)], np.int32)
        arrays = {"ENTRIES": entries, "STARTS": starts, "SEGMENTS": segments}
        arrays["SEGMENT_STARTS"] = np.arange(POSITIONS + 1, dtype=np.int32)
        numbers = {"VIEW": POSITIONS, "ROWS": INPUTS, "FLUSH": 2, "KIND": getattr(fields, KINDS[kind])}
        if kind == "grouped":
            own = weights[np.arange(INPUTS), columns].astype(np.float32).reshape(-1, 1)
            arrays |= {"WEIGHTS": own, "COLUMNS": columns}
            numbers["WIDTH"] = 1
        else:
            block = block_size(channels)
            blocks = -(-channels // block)
            wide = np.zeros((INPUTS, blocks * block), np.int8 if kind == "integers" else np.float32)
            wide[:, :channels] = codes if kind == "integers" else weights
            arrays["WEIGHTS"] = packed(wide.reshape(INPUTS, blocks, block).transpose(1, 0, 2))
            arrays["SCALE"] = np.zeros(blocks * block, np.float32)
            arrays["SCALE"][:channels] = scale
            numbers["BLOCKS"] = blocks
        table = np.zeros((1, fields.FIELDS), np.int64)
        for name, array in arrays.items():
            table[0, getattr(fields, name)] = array.ctypes.data
        for name, number in numbers.items():
            table[0, getattr(fields, name)] = number
        alive.append(arrays)
        return table

    op = IntegrateFire(np.float32(4))
    fired, potential = neuron_runs(op, spikes.astype(np.float32) @ weights.astype(np.float32))
    got, trace, counts = run(op, None, channels, terms, chunks=(4, STEPS - 4), traced=traced)
    np.testing.assert_array_equal(got, fired)
    np.testing.assert_array_equal(counts, fired.sum(axis=1))
    if traced:
        np.testing.assert_array_equal(trace, potential)


KINDS = {"integers": "GATHER_INTEGERS", "floats": "GATHER_FLOATS", "grouped": "GROUPED"}


def test_packed_pairs_hold_both_weights_of_a_pair():
    weights = np.random.default_rng(0).integers(-128, 128, (2, 5, 32)).astype(np.int8)
    pairs = packed(weights).view(np.int16)
    np.testing.assert_array_equal((pairs & 255) - 128, weights[..., :16])
    np.testing.assert_array_equal(pairs >> 8, weights[..., 16:])
    assert packed(weights).ctypes.data % LINE == 0
    floats = weights.astype(np.float32)
    np.testing.assert_array_equal(packed(floats), floats)
