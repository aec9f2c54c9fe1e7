"""Every spike is in exactly one pattern of its four steps, and units are counted once for four steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from test_compact import masks_of, spikes

pytest.importorskip("numba", reason="the event engine needs numba: pip install 'snntk[event]'")

from snntk_event.chunk import Emitted
from snntk_event.kernels.patterns import find_patterns
from snntk_event.kernels.terms import PATTERNS
from snntk_event.tiling import alone


def in_fours(fired):
    """Return spikes (images, steps, ...) as (images, 4, quarter, ...), steps that do not exist silent."""
    images, steps, *rest = fired.shape
    quarter = -(-steps // 4)
    wide = np.zeros((images, 4 * quarter, *rest), bool)
    wide[:, :steps] = fired
    return wide.reshape(images, 4, quarter, *rest)


@settings(max_examples=60, deadline=None)
@given(spikes())
def test_patterns_are_those_of_the_steps(fired):
    fired = np.repeat(fired, 3, axis=1)[:, : 1 + 2 * fired.shape[1]]
    fours = in_fours(fired)
    masks = masks_of(fired)
    found = np.full((len(fired), fours.shape[2] * PATTERNS, *masks.shape[2:]), 7, np.uint64)
    find_patterns(masks, found)
    codes = (fours * np.array([1, 2, 4, 8])[:, None, None, None]).sum(axis=1)
    for pattern in range(1, PATTERNS + 1):
        np.testing.assert_array_equal(found[:, pattern - 1 :: PATTERNS], masks_of(codes == pattern))


@settings(max_examples=60, deadline=None)
@given(spikes())
def test_units_that_spike_in_any_of_four_steps_are_counted_once(fired):
    expected = in_fours(fired).any(axis=1).sum()
    shape, tiling = fired.shape[2:], alone(fired.shape[2:], 64)
    emitted = Emitted(shape, fired.shape[1], masks_of(fired), None, tiling)
    trains = Emitted(shape, fired.shape[1], emitted.trains, None, tiling, as_trains=True)
    assert emitted.in_any_step == trains.in_any_step == expected
