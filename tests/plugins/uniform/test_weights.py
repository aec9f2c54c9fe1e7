"""Weight quantizers: the arrays of cnn2snn, bit for bit, and what holds of any weight."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import Conv2D, Dense, DepthwiseConv2D, Node, WeightQuantizer
from snntk_core.errors import OptionError
from snntk_uniform import LeastSquaresPerAxis, Max, MaxPerAxis, Std, StdPerAxis

CLASSES: dict[str, type[WeightQuantizer]] = {
    "StdWeightQuantizer": Std,
    "StdPerAxisQuantizer": StdPerAxis,
    "MaxQuantizer": Max,
    "MaxPerAxisQuantizer": MaxPerAxis,
}


def node_of(weight: np.ndarray) -> Node:
    return Node("layer", Conv2D(weight) if weight.ndim == 4 else Dense(weight), "in")


def test_cnn2snn_gives_the_same_integers_and_scales(recorded) -> None:
    oracle = np.load(recorded / "weight_quantizers.npz")
    seen = 0
    for key in oracle.files:
        case, _, last = key.rpartition("/")
        if last != "scale":
            continue
        weight, kind, bits, *threshold = case.split("/")
        options = {"bits": int(bits[1:])} | ({"threshold": float(threshold[0][1:])} if threshold else {})
        array = oracle[f"{weight}/w"]
        found = CLASSES[kind].configure(options).format_for(array, "weight", node_of(array))
        assert found.scale.shape == oracle[key].shape, case
        np.testing.assert_allclose(1 / found.scale.astype(np.float64), oracle[key], rtol=1e-6, err_msg=case)
        np.testing.assert_array_equal(found.encode(array), oracle[f"{case}/int"], err_msg=case)
        np.testing.assert_allclose(found.round(array), oracle[f"{case}/quantized"], rtol=1e-6, err_msg=case)
        seen += 1
    assert seen == 128


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), bits=st.integers(2, 8), kind=st.sampled_from([Max, MaxPerAxis]))
def test_the_largest_weight_stays_and_nothing_moves_more_than_half_a_step(seed, bits, kind) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=rng.integers(1, 5, size=int(rng.choice([2, 4])))).astype(np.float32)
    found = kind(bits).format_for(weight, "weight", node_of(weight))
    rounded, steps = found.round(weight), np.broadcast_to(found.scale, weight.shape)
    assert (np.abs(rounded - weight) <= steps * 0.5001).all()
    assert (np.abs(found.encode(weight)).max() == found.highest) or np.abs(weight).max() < found.highest / 1000
    np.testing.assert_array_equal(found.round(rounded), rounded)


def test_biases_stay_float() -> None:
    for kind in (*CLASSES.values(), LeastSquaresPerAxis):
        assert kind().format_for(np.ones(3), "bias", node_of(np.ones((2, 3)))) is None


def test_a_depthwise_kernel_has_one_step_or_one_for_each_channel() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 3, 4, 2)).astype(np.float32)
    node = Node("depthwise", DepthwiseConv2D(weight), "in")
    for kind in (MaxPerAxis, StdPerAxis, LeastSquaresPerAxis):
        assert kind().format_for(weight, "weight", node).scale.shape == ()
        found = kind(depthwise="channel").format_for(weight, "weight", node)
        assert (found.scale.shape, found.axis) == ((4,), 2)
        assert found.fits(weight.shape)


@pytest.mark.parametrize("kind", [*CLASSES.values(), LeastSquaresPerAxis])
@pytest.mark.parametrize("bits", [-1, 0, 1, 17])
def test_bits_that_cannot_be_are_refused(kind: type[WeightQuantizer], bits: int) -> None:
    with pytest.raises(OptionError, match=f"{kind.name}: bits lies between 2 and 16, got {bits}"):
        kind.configure({"bits": bits})


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_small_weights_are_kept_where_the_scale_has_no_limit(kind: type[WeightQuantizer]) -> None:
    weight = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype(np.float32) * 1e-5
    assert not kind(8).format_for(weight, "weight", node_of(weight)).encode(weight).any()
    free = kind(8, largest_scale=0.0).format_for(weight, "weight", node_of(weight))
    assert np.square(free.round(weight) - weight).sum() < 1e-2 * np.square(weight).sum()
    with pytest.raises(OptionError, match="largest_scale is 0 or more"):
        kind.configure({"largest_scale": -1.0})


@pytest.mark.parametrize("kind", [Std, StdPerAxis])
@pytest.mark.parametrize("threshold", [None, 0.0, "3"])
def test_a_threshold_that_cannot_be_is_refused(kind: type[WeightQuantizer], threshold: object) -> None:
    with pytest.raises(OptionError, match="threshold"):
        kind.configure({"threshold": threshold})


def squares(kind: type[WeightQuantizer], bits: int, weight: np.ndarray, share: float = 1.0) -> np.ndarray:
    """Return the squared error of each output with ``share`` of the range."""
    found = kind.configure({"bits": bits}).format_for(weight, "weight", node_of(weight))
    near = dataclasses.replace(found, scale=found.scale * np.float32(share))
    return np.square(near.round(weight) - weight, dtype=np.float64).reshape(-1, weight.shape[-1]).sum(axis=0)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), bits=st.integers(2, 8), tail=st.sampled_from([0.0, 1.0, 3.0]))
def test_the_least_squares_are_no_worse_than_any_range_tried(seed, bits, tail) -> None:
    rng = np.random.default_rng(seed)
    weight = (rng.normal(size=(3, 3, 4, 5)) * np.exp(tail * rng.normal(size=(3, 3, 4, 5)))).astype(np.float32)
    found = squares(LeastSquaresPerAxis, bits, weight)
    for share in (0.02, 0.3, 0.5, 0.74, 1.0):
        assert (found <= squares(MaxPerAxis, bits, weight, share) * (1 + 1e-5)).all()
    if bits == 2 and not tail:
        assert found.sum() < 0.9 * squares(MaxPerAxis, bits, weight).sum()


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), bits=st.integers(2, 8))
def test_what_is_on_the_grid_of_least_squares_stays(seed, bits) -> None:
    weight = np.random.default_rng(seed).normal(size=(12, 5)).astype(np.float32)
    weight[:, 2] = 0
    quantizer = LeastSquaresPerAxis(bits)
    first = quantizer.format_for(weight, "weight", node_of(weight))
    rounded = first.round(weight)
    again = quantizer.format_for(rounded, "weight", node_of(rounded))
    np.testing.assert_allclose(again.scale, first.scale, rtol=1e-6)
    assert not rounded[:, 2].any()
    np.testing.assert_array_equal(again.encode(rounded), first.encode(weight))
