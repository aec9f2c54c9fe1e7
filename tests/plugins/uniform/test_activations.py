"""Activation quantizers: the arrays of cnn2snn exactly, and ranges from calibration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import ActivationQuantizer, ClippedRelu, Graph, Input, Node, Op, QuantizedRelu, Relu, Tanh, evaluate
from snntk_core.errors import OptionError
from snntk_core.quantization import quantize_activations
from snntk_uniform import DiscreteRelu, FixedRange, MinimumMeanSquareError, Percentile


def network(op: Op, channels: int = 1) -> Graph:
    return Graph((Node("in", Input((channels,))), Node("act", op, "in"))).verify()


def test_cnn2snn_puts_out_the_same(recorded) -> None:
    oracle = np.load(recorded / "activations.npz")
    cases = [key[: -len("/y")] for key in oracle.files if key.endswith("/y")]
    for case in cases:
        kind, bits, *maximum = case.split("/")
        quantizer: ActivationQuantizer = DiscreteRelu(int(bits[1:]))
        if kind == "QuantizedReLU":
            top = maximum[0].removeprefix("max")
            quantizer = FixedRange(int(bits[1:]), unbounded=2.0 ** int(bits[1:]) - 1 if top == "None" else float(top))
        found = quantize_activations(network(Relu()), quantizer, None)
        np.testing.assert_array_equal(evaluate(found, oracle["grid"][:, None])[:, 0], oracle[f"{case}/y"], err_msg=case)
        step, threshold = oracle[f"{case}/step_threshold"]
        assert (found["act"].op.step, found["act"].op.step / 2) == (step, threshold), case
    assert len(cases) == 40


def test_an_activation_keeps_its_own_bound() -> None:
    def largest(op: Op, quantizer: ActivationQuantizer) -> float:
        found = quantize_activations(network(op), quantizer, None)
        return float(evaluate(found, np.array([[100.0]]))[0, 0])

    assert largest(ClippedRelu(upper=2.5), FixedRange()) == pytest.approx(2.5)
    assert largest(Relu(), FixedRange()) == pytest.approx(6)
    assert largest(QuantizedRelu(0.5, 6), FixedRange()) == pytest.approx(3)
    assert largest(Relu(), FixedRange(maximum=4.0)) == pytest.approx(4)


def test_what_is_not_rectified_stays() -> None:
    for op in (ClippedRelu(-1.0, 1.0), Tanh()):
        assert quantize_activations(network(op), FixedRange(), None)["act"].op is op


CALIBRATED = [Percentile(), Percentile(per="channel"), MinimumMeanSquareError(), MinimumMeanSquareError(per="channel")]


@pytest.mark.parametrize("quantizer", CALIBRATED, ids=repr)
def test_a_range_from_calibration_holds_what_matters(quantizer: ActivationQuantizer) -> None:
    batch = np.random.default_rng(0).normal(size=(4000, 3)) * [1, 5, 0.2]
    found = quantize_activations(network(Relu(), 3), quantizer, batch)["act"].op
    top = np.broadcast_to(found.step * found.levels, 3)
    wanted = np.maximum(batch, 0).max(axis=0)
    wanted = wanted if quantizer.per == "channel" else np.full(3, wanted.max())
    assert (top <= wanted * 1.001).all()
    assert (top >= wanted * 0.6).all()


def test_a_silent_channel_gets_the_largest_range_and_a_silent_layer_its_bound() -> None:
    batch = np.stack([np.linspace(-1, 0, 50), np.linspace(0, 2, 50)], axis=1)
    for kind in (Percentile, MinimumMeanSquareError):
        step = quantize_activations(network(Relu(), 2), kind(per="channel"), batch)["act"].op.step
        assert step.shape == ()
        found = quantize_activations(network(ClippedRelu(upper=3.0), 2), kind(), -np.abs(batch))["act"].op
        assert float(found.step * found.levels) == pytest.approx(3)


def test_the_error_is_as_small_as_a_search_over_the_values_finds() -> None:
    values = np.abs(np.random.default_rng(0).standard_cauchy(20_000))
    for bits in (2, 4):
        found = quantize_activations(network(Relu()), MinimumMeanSquareError(bits), values[:, None])["act"].op

        def error(step: float, levels: int = 2**bits - 1) -> float:
            return float(np.square(values - step * np.clip(np.rint(values / step), 0, levels)).mean())

        shares = np.arange(1, 101) / 100 * values.max() / (2**bits - 1)
        assert error(float(found.step)) <= min(map(error, shares)) * 1.01


@pytest.mark.parametrize("kind", [Percentile, MinimumMeanSquareError])
@settings(deadline=None)
@given(seed=st.integers(0, 1000), bits=st.integers(1, 8), per=st.sampled_from(["layer", "channel"]))
def test_powers_of_two(kind, seed: int, bits: int, per: str) -> None:
    batch = np.random.default_rng(seed).normal(size=(50, 2)) * [1, 20]
    step = quantize_activations(network(Relu(), 2), kind(bits, per=per, power_of_two=True), batch)["act"].op.step
    np.testing.assert_array_equal(np.log2(step), np.rint(np.log2(step)))


@pytest.mark.parametrize("kind", [DiscreteRelu, FixedRange, Percentile, MinimumMeanSquareError])
@pytest.mark.parametrize("bits", [-1, 0, 17])
def test_bits_that_cannot_be_are_refused(kind: type[ActivationQuantizer], bits: int) -> None:
    with pytest.raises(OptionError, match=f"{kind.name}: bits lies between 1 and 16, got {bits}"):
        kind.configure({"bits": bits})


@pytest.mark.parametrize(
    ("kind", "options"),
    [(FixedRange, {"maximum": 0.0}), (FixedRange, {"unbounded": -1.0}), (Percentile, {"percentile": 101.0})],
)
def test_ranges_that_cannot_be_are_refused(kind: type[ActivationQuantizer], options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        kind.configure(options)
