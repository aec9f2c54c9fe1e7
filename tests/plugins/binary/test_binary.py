"""Weights of one and two bits: the least squared error, and the predecessor's signs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_binary import Binary, Sign, Ternary
from snntk_core import Dense, DepthwiseConv2D, Node


def rounded(quantizer, weight: np.ndarray) -> np.ndarray:
    return quantizer.format_for(weight, "weight", Node("dense", Dense(weight), "in")).round(weight)


def least_error(column: np.ndarray, codes: tuple[int, ...]) -> float:
    """Return the least squared error of ``scale * code`` over all codes, each with its best scale."""
    best = float(np.square(column).sum())
    for chosen in product(codes, repeat=len(column)):
        code = np.array(chosen)
        if code.any():
            scale = max(float(column @ code) / float(code @ code), 0.0)
            best = min(best, float(np.square(column - scale * code).sum()))
    return best


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_no_other_codes_and_scale_come_nearer(seed: int) -> None:
    weight = np.random.default_rng(seed).normal(size=(5, 2)).astype(np.float32)
    for quantizer, codes in ((Binary(), (-1, 1)), (Ternary(), (-1, 0, 1))):
        errors = np.square(rounded(quantizer, weight).astype(np.float64) - weight).sum(axis=0)
        for column, error in zip(weight.T.astype(np.float64), errors, strict=True):
            assert error == pytest.approx(least_error(column, codes), rel=1e-5, abs=1e-9)


def test_the_predecessor_makes_minus_one_of_zero() -> None:
    weight = np.float32([[0.3, -0.2], [0.0, 1e-9]])
    np.testing.assert_array_equal(rounded(Sign(), weight), [[1, -1], [-1, 1]])


def test_one_scale_for_the_layer() -> None:
    weight = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    np.testing.assert_allclose(np.abs(rounded(Binary(per="layer"), weight)), np.abs(weight).mean(), rtol=1e-6)
    assert len(np.unique(rounded(Ternary(per="layer"), weight))) == 3


def test_a_depthwise_kernel_has_a_scale_for_each_channel() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 3, 4, 2)).astype(np.float32)
    for quantizer in (Binary(), Ternary()):
        found = quantizer.format_for(weight, "weight", Node("depthwise", DepthwiseConv2D(weight), "in"))
        assert (found.axis, found.scale.shape) == (2, (4,))
        assert found.honored_by(found.round(weight))


def test_biases_and_zeros_stay() -> None:
    node = Node("dense", Dense(np.zeros((2, 3), np.float32)), "in")
    for quantizer in (Binary(), Ternary(), Sign()):
        assert quantizer.format_for(np.ones(3), "bias", node) is None
    assert not rounded(Ternary(), np.zeros((2, 3), np.float32)).any()
