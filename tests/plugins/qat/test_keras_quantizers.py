"""Weight quantizers of Keras: cnn2snn's values and gradients, our own grids, and configurations that come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snntk_core import Dense, Node
from snntk_core.errors import OptionError
from snntk_qat.keras_quantizers import (
    QUANTIZERS,
    MaxPerAxisQuantizer,
    MaxQuantizer,
    StdPerAxisQuantizer,
    StdWeightQuantizer,
    quantizer_of,
)
from snntk_uniform import Max, MaxPerAxis, Std, StdPerAxis

CLASSES = {kind.__name__: kind for kind in QUANTIZERS}
OURS = {MaxQuantizer: Max, MaxPerAxisQuantizer: MaxPerAxis, StdWeightQuantizer: Std, StdPerAxisQuantizer: StdPerAxis}


def gradient(function, array):
    import tensorflow

    variable = tensorflow.Variable(array)
    with tensorflow.GradientTape() as tape:
        value = tensorflow.reduce_sum(function(variable))
    return tape.gradient(value, variable).numpy()


def test_cnn2snn_gives_the_same_weights_and_scales(keras, recorded) -> None:
    oracle = np.load(recorded / "weight_quantizers.npz")
    seen = 0
    for key in oracle.files:
        case, _, last = key.rpartition("/")
        if last != "scale":
            continue
        weight, kind, bits, *threshold = case.split("/")
        options = {"threshold": float(threshold[0][1:])} if threshold else {}
        found = CLASSES[kind](bitwidth=int(bits[1:]), **options)
        array = oracle[f"{weight}/w"]
        scale, rounded = np.asarray(found.scale_factor(array)), np.asarray(found.quantize(array))
        assert scale.shape == oracle[key].shape, case
        np.testing.assert_allclose(scale, oracle[key], rtol=1e-6, err_msg=case)
        np.testing.assert_array_equal(np.rint(rounded * scale), oracle[f"{case}/int"], err_msg=case)
        np.testing.assert_allclose(rounded, oracle[f"{case}/quantized"], rtol=1e-6, err_msg=case)
        seen += 1
    assert seen == 128


@pytest.mark.parametrize(
    ("quantizer", "name"), [(MaxPerAxisQuantizer(4), "maxperaxis_b4"), (StdWeightQuantizer(1.0, 4), "std_t1_b4")]
)
def test_cnn2snn_gives_the_same_gradients(keras, recorded, quantizer, name) -> None:
    oracle = np.load(recorded / "activations.npz")
    found = gradient(lambda weight: quantizer.quantize(weight) ** 2, oracle["ste_w"])
    np.testing.assert_allclose(found, oracle[f"ste_grad_sumsq_{name}"], atol=1e-6)


@pytest.mark.parametrize("limit", [0.0, 1000.0])
@pytest.mark.parametrize("kind", QUANTIZERS)
def test_a_kernel_of_zeros_stays_and_has_a_gradient(keras, kind, limit) -> None:
    zeros = np.zeros((3, 2), np.float32)
    np.testing.assert_array_equal(np.asarray(kind(largest_scale=limit).quantize(zeros)), zeros)
    found = gradient(lambda weight: 3 * kind(largest_scale=limit).quantize(weight), zeros)
    np.testing.assert_array_equal(found, np.full_like(zeros, 3))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), bits=st.integers(2, 8), kind=st.sampled_from(QUANTIZERS))
def test_weights_lie_on_the_grid_that_the_graph_would_choose(seed, bits, kind) -> None:
    pytest.importorskip("keras", minversion="3", reason="keras 3 is not installed")
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=rng.integers(2, 7, size=2)).astype(np.float32)
    grid = OURS[kind](bits=bits).format_for(weight, "weight", Node("layer", Dense(weight), "in"))
    found = np.asarray(kind(bitwidth=bits).quantize(weight))
    np.testing.assert_allclose(found, grid.round(weight), atol=1e-6 * np.abs(weight).max())


@pytest.mark.parametrize("kind", QUANTIZERS)
def test_a_configuration_gives_the_same_quantizer(keras, kind) -> None:
    for made in (kind(bitwidth=3), kind(bitwidth=5, largest_scale=0.0)):
        table = {"class_name": kind.__name__, "config": made.get_config()}
        assert quantizer_of(table) == made
        assert quantizer_of(keras.saving.serialize_keras_object(made)) == made
    assert "largest_scale" not in kind().get_config()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MaxQuantizer(1), "bitwidth of 2 to 24, got 1"),
        (lambda: MaxQuantizer(True), "got True"),
        (lambda: MaxPerAxisQuantizer(-1), "got -1"),
        (lambda: MaxPerAxisQuantizer(4, largest_scale=-1.0), "largest_scale of 0 or more"),
        (lambda: StdWeightQuantizer(None), "above 0, got None"),
        (lambda: StdPerAxisQuantizer(0.0), "above 0, got 0.0"),
        (lambda: quantizer_of("x"), "'x' is no weight quantizer"),
        (lambda: quantizer_of({"class_name": "Other", "config": {}}), "no weight quantizer"),
        (lambda: quantizer_of({"class_name": "MaxQuantizer", "config": {"depth": 2}}), "takes no depth"),
    ],
)
def test_what_cannot_be_is_refused(make, words) -> None:
    with pytest.raises(OptionError, match=words):
        make()
