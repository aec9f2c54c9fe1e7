"""Affine maps before and after every weighted op are the same function once they are in its weights."""

import numpy as np
import pytest

from snntk_core import BatchNorm, Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, apply
from snntk_core.errors import GraphError
from snntk_core.ops import WeightedOp
from snntk_core.scaling import as_scale, input_channels, pads, per_channel, scale_inputs, scale_outputs

RNG = np.random.default_rng(0)


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


OPS = {
    "dense": (Dense(weights(4, 6), weights(6)), (4,)),
    "dense on a map": (Dense(weights(4, 6)), (3, 4)),
    "conv1d": (Conv1D(weights(3, 4, 6), weights(6)), (7, 4)),
    "conv1d in groups": (Conv1D(weights(3, 2, 6), groups=2), (7, 4)),
    "conv2d": (Conv2D(weights(3, 2, 4, 6), weights(6), strides=(2, 1), dilation=(1, 2)), (7, 6, 4)),
    "conv2d padded": (Conv2D(weights(3, 3, 4, 6), weights(6), padding="same"), (5, 5, 4)),
    "conv2d in groups": (Conv2D(weights(3, 3, 2, 6), weights(6), groups=2), (5, 5, 4)),
    "depthwise": (DepthwiseConv2D(weights(3, 3, 4, 1), weights(4)), (5, 5, 4)),
    "depthwise with multiplier": (DepthwiseConv2D(weights(3, 3, 4, 3)), (5, 5, 4)),
    "transposed": (ConvTranspose2D(weights(3, 3, 4, 4), weights(4), strides=(2, 2), padding="same"), (4, 4, 4)),
    "transposed in groups": (ConvTranspose2D(weights(3, 3, 2, 6), groups=2), (4, 4, 4)),
}


@pytest.mark.parametrize("name", OPS)
def test_output_scaling_is_the_affine_map_of_the_output(name: str) -> None:
    op, shape = OPS[name]
    x, factor, offset = RNG.normal(size=(2, *shape)), RNG.normal(size=op.units), RNG.normal(size=op.units)
    np.testing.assert_allclose(apply(scale_outputs(op, factor, offset), x), apply(op, x) * factor + offset, atol=1e-12)


@pytest.mark.parametrize("name", OPS)
def test_input_scaling_is_the_op_of_the_scaled_input(name: str) -> None:
    op, shape = OPS[name]
    x, factor = RNG.normal(size=(2, *shape)), RNG.normal(size=shape[-1])
    scaled = scale_inputs(op, factor)
    assert scaled is not None
    np.testing.assert_allclose(apply(scaled, x), apply(op, x * factor), atol=1e-12)


@pytest.mark.parametrize("name", OPS)
def test_an_input_offset_is_taken_only_where_every_output_sees_all_of_it(name: str) -> None:
    op, shape = OPS[name]
    x, factor, offset = RNG.normal(size=(2, *shape)), RNG.normal(size=shape[-1]), RNG.normal(size=shape[-1])
    scaled = scale_inputs(op, factor, offset, shape=shape)
    if "padded" in name or "transposed" in name:
        assert scaled is None
        return
    assert scaled is not None
    np.testing.assert_allclose(apply(scaled, x), apply(op, x * factor + offset), atol=1e-12)


def test_same_padding_that_adds_nothing_takes_an_offset_once_the_shape_is_known() -> None:
    op = Conv2D(weights(2, 2, 1, 1), strides=(2, 2), padding="same")
    assert scale_inputs(op, 1.0, 1.0) is None
    assert scale_inputs(op, 1.0, 1.0, shape=(4, 4, 1)) is not None
    assert scale_inputs(op, 1.0, 1.0, shape=(5, 4, 1)) is None
    assert not pads(Conv2D(weights(1, 1, 1, 1), padding="same"))


def test_the_dtype_of_the_weights_and_a_missing_bias_stay() -> None:
    op = Dense(weights(2, 3).astype(np.float32))
    scaled = scale_outputs(op, np.float64(2.0))
    assert isinstance(scaled, Dense)
    assert scaled.weight.dtype == np.float32
    assert scaled.bias is None
    shifted = scale_outputs(op, 1.0, 0.5)
    assert isinstance(shifted, Dense)
    assert shifted.bias is not None
    assert shifted.bias.dtype == np.float32


@pytest.mark.parametrize("scale", [None, weights(4)])
@pytest.mark.parametrize("offset", [None, weights(4)])
def test_a_batch_normalization_is_a_scale(scale: np.ndarray | None, offset: np.ndarray | None) -> None:
    op = BatchNorm(weights(4), RNG.uniform(0.1, 2, size=4), scale, offset, 1e-3)
    x = RNG.normal(size=(2, 3, 4))
    np.testing.assert_allclose(apply(as_scale(op), x), apply(op, x), atol=1e-12)


def test_values_per_channel_are_found_where_space_does_not_matter() -> None:
    shape = (2, 3, 4)
    np.testing.assert_array_equal(per_channel(np.float64(2), shape), [2, 2, 2, 2])
    np.testing.assert_array_equal(per_channel(np.full((2, 3, 1), 5.0), shape), [5, 5, 5, 5])
    np.testing.assert_array_equal(per_channel(np.arange(4.0), shape), np.arange(4))
    assert per_channel(np.arange(3.0)[:, None], shape) is None
    assert per_channel(None, shape) is None


def test_input_channels_count_all_groups() -> None:
    assert [input_channels(op) for op, _ in OPS.values()] == [4] * len(OPS)


def test_an_op_of_unknown_layout_is_refused_by_name() -> None:
    class Sparse(WeightedOp):
        weight = bias = None
        units = 1

        def infer(self, *shapes: tuple[int, ...]) -> tuple[int, ...]:
            return shapes[0]

    with pytest.raises(GraphError, match="Sparse cannot be scaled"):
        scale_outputs(Sparse(), 2.0)
