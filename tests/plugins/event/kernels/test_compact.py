"""Listing events finds every bit of a mask, in order, at the position of the view that sums it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the event engine needs numba: pip install 'snntk[event]'")

from snntk_event.kernels.compact import SPARE, compact, compact_view


def masks_of(fired):
    """Return the mask words of (images, steps, positions, channels) truth values."""
    words = -(-fired.shape[-1] // 64)
    wide = np.zeros((*fired.shape[:-1], 64 * words), bool)
    wide[..., : fired.shape[-1]] = fired
    return np.packbits(wide, axis=-1, bitorder="little").view(np.uint64)


@st.composite
def spikes(draw):
    shape = tuple(draw(st.tuples(*[st.integers(1, most) for most in (2, 3, 9, 150)])))
    density = draw(st.sampled_from([0.0, 0.02, 0.3, 1.0]))
    return np.random.default_rng(draw(st.integers(0, 999))).random(shape) < density


@settings(max_examples=60, deadline=None)
@given(spikes())
def test_compact_lists_every_spike_in_order(fired):
    entries, starts = compact(masks_of(fired), fired.shape[-1])
    _, _, position, channel = np.nonzero(fired)
    np.testing.assert_array_equal(entries[:-SPARE], position * fired.shape[-1] + channel)
    ends = np.cumsum(fired.sum(axis=-1).reshape(-1)).reshape(fired.shape[:3])
    np.testing.assert_array_equal(starts[..., 1:], ends)
    np.testing.assert_array_equal(starts[..., 0], ends[..., 0] - fired[:, :, 0].sum(axis=-1))


@settings(max_examples=80, deadline=None)
@given(spikes(), st.data())
def test_compact_view_lists_channels_of_summed_positions(fired, data):
    positions, channels = fired.shape[2:]
    first = data.draw(st.integers(0, channels - 1))
    count = data.draw(st.integers(1, channels - first))
    summed = data.draw(st.lists(st.lists(st.integers(0, positions - 1), max_size=5), min_size=1, max_size=6))
    map_starts = np.cumsum([0, *map(len, summed)]).astype(np.int32)
    map_positions = np.array([position for taps in summed for position in taps], np.int32)
    entries, starts = compact_view(masks_of(fired), map_starts, map_positions, first, count)
    expected = np.stack([fired[:, :, taps, first : first + count].sum(axis=2) for taps in summed], axis=2)
    got = np.zeros(expected.shape, int)
    for image, step, place in np.ndindex(*expected.shape[:3]):
        listed = entries[starts[image, step, place] : starts[image, step, place + 1]]
        np.add.at(got[image, step, place], listed - place * count, 1)
    np.testing.assert_array_equal(got, expected)
