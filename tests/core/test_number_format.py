"""Formats: codes, ties, ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import NumberFormat
from snntk_core.errors import FormatError


@settings(deadline=None)
@given(
    bits=st.integers(2, 16),
    largest=st.floats(1e-20, 1e20),
    signed=st.booleans(),
    values=st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=1, max_size=20),
)
def test_codes_survive_decoding_and_the_nearest_is_chosen(bits, largest, signed, values) -> None:
    found, x = NumberFormat.spanning(bits, largest, signed=signed), np.array(values, np.float32)
    codes = found.encode(x)
    assert found.lowest <= codes.min()
    assert codes.max() <= found.highest
    np.testing.assert_array_equal(found.encode(found.decode(codes)), codes)
    inside = (codes > found.lowest) & (codes < found.highest)
    step = float(found.scale)
    assert (np.abs(found.round(x) - x.astype(np.float64))[inside] <= step * (0.5 + 1e-3)).all()


@pytest.mark.parametrize("bits", range(2, 9))
def test_a_tie_goes_to_the_even_code_though_the_step_is_rounded(bits: int) -> None:
    highest = 2 ** (bits - 1) - 1
    halves = np.arange(-2 * highest, 2 * highest + 1)
    for largest in (3.0, 4.0, 0.7, 1e-3):
        found = NumberFormat.spanning(bits, np.float32(largest))
        values = (halves / 2 * (float(np.float32(largest)) / highest)).astype(np.float32)
        np.testing.assert_array_equal(found.encode(values), np.rint(halves / 2))


def test_the_range_stays_when_the_bits_change() -> None:
    found = NumberFormat.spanning(8, np.array([1.0, 3.0]), axis=-1)
    for bits in (2, 4, 12):
        other = found.with_bits(bits)
        assert other.bits == bits
        np.testing.assert_allclose(other.scale * other.highest, [1, 3], rtol=1e-6)
    assert found.with_bits(8) is found


def test_one_signed_bit_is_a_sign() -> None:
    found = NumberFormat(1, 0.5)
    np.testing.assert_array_equal(found.round(np.array([-3.0, 0.0, 0.1])), [-0.5, -0.5, 0.5])
    assert (found.lowest, found.highest, found.is_sign) == (-1, 1, True)
    assert found.honored_by(np.float32([0.5, -0.5]))
    assert not found.honored_by(np.float32([0.0]))


def test_nothing_but_zeros_gets_a_step_of_one() -> None:
    assert NumberFormat.spanning(4, 0.0).scale == 1
    np.testing.assert_allclose(NumberFormat.spanning(4, np.zeros(2), axis=0, smallest=0.25).scale, 0.25)


@pytest.mark.parametrize("bits", [-1, 0, 33])
def test_bits_that_cannot_be_are_refused(bits: int) -> None:
    with pytest.raises(FormatError, match="1 to 32 bits"):
        NumberFormat.spanning(bits, 1.0)
