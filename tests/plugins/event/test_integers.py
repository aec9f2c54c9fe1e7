"""Weights on a grid of 8 bits are found, whatever its step, and others are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snntk_core.number_format import NumberFormat
from snntk_event.integers import codes_of


@given(st.integers(0, 2**16), st.integers(-20, 4), st.integers(1, 127))
def test_powers_of_two_are_found_exactly(seed, exponent, largest):
    codes = np.random.default_rng(seed).integers(-largest, largest + 1, (9, 4))
    weights = (codes * 2.0**exponent).astype(np.float32)
    found = codes_of(weights)
    np.testing.assert_array_equal(found.codes * found.scale, weights)


@given(st.integers(0, 2**16), st.floats(1e-4, 10), st.integers(2, 8))
def test_what_a_number_format_rounds_is_found(seed, step, bits):
    rng = np.random.default_rng(seed)
    chosen = NumberFormat(bits, np.float32(step) * rng.uniform(0.5, 2, 4).astype(np.float32), axis=1)
    weights = chosen.round(rng.normal(size=(50, 4)) * step * 2**bits / 3)
    found = codes_of(weights)
    np.testing.assert_allclose(found.codes * found.scale, weights, rtol=2**-22)


def test_others_are_not():
    rng = np.random.default_rng(0)
    assert codes_of(rng.normal(size=(50, 3)).astype(np.float32)) is None
    assert codes_of(np.array([[1.0], [128.0], [0.0]], np.float32)) is None
    assert codes_of(np.array([[1.0, 3.0], [127.0, np.pi]], np.float32)) is None


@pytest.mark.parametrize("weights", [(46511, 55013), (54328, 36683), (43067, 33457)])
def test_weights_of_more_bits_on_a_grid_of_a_power_of_two_are_never_rounded(weights):
    column = np.ldexp(np.array(weights, np.float32)[:, None], -10)
    found = codes_of(column)
    assert found is None or np.array_equal(found.codes * found.scale, column)


def test_columns_of_zeros_are_codes():
    found = codes_of(np.zeros((3, 2), np.float32))
    assert not found.codes.any()
    assert (found.scale > 0).all()
