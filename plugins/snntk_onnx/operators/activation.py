"""Builders of activations, normalization and dropout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snntk_core.ops import (
    Array,
    BatchNorm,
    ClippedRelu,
    Dropout,
    Elu,
    Flatten,
    HardSigmoid,
    Identity,
    LeakyRelu,
    LocalResponseNormalization,
    LogSoftmax,
    Op,
    PRelu,
    Relu,
    Reshape,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from snntk_core.shapes import size
from snntk_onnx.operators.arithmetic import LARGEST, per_sample
from snntk_onnx.operators.linear import floating
from snntk_onnx.tensors import Unsupported
from snntk_onnx.translation import Call, Tensor

SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875  # what the operator says, as float32


def _plain(make: Callable[[Call], Op]) -> Callable[[Call], Tensor]:
    return lambda call: call.add(make(call), call.tensor())


def _clip(call: Call) -> Tensor:
    value = call.tensor()
    if call.opset < 11:
        lower, upper = np.array(call.number("min", -LARGEST)), np.array(call.number("max", LARGEST))
    else:
        lower = call.constant(1, "lower bound") if call.given(1) else np.array(-LARGEST)
        upper = call.constant(2, "upper bound") if call.given(2) else np.array(LARGEST)
    return call.add(clipping(lower.reshape(()), upper.reshape(())), value)


def clipping(lower: Array, upper: Array) -> Op:
    """Return the op that keeps values between two scalars; a bound at the end of the floats is none."""
    low, high = max(float(lower), -LARGEST), min(float(upper), LARGEST)
    if high >= LARGEST and low <= -LARGEST:
        return Identity()
    if high >= LARGEST and low == 0:
        return Relu()
    return ClippedRelu(np.array(low, np.float32), np.array(high, np.float32))


def _p_relu(call: Call) -> Tensor:
    value, slope = call.tensor(), floating(call.constant(1, "slope"))
    if call.opset < 7 and slope.ndim == 1 and slope.size > 1:  # one slope for each channel, the second axis
        slope = slope.reshape(-1, *(1 for _ in value.shape[1:]))
    return call.add(PRelu(per_sample(slope, value)), value)


def _softmax(make: Callable[[int], Op]) -> Callable[[Call], Tensor]:
    def build(call: Call) -> Tensor:
        value = call.tensor()
        rank = len(value.shape) + 1
        axis = call.integer("axis", 1 if call.opset < 13 else -1)
        if not -rank <= axis < rank or axis % rank == 0:
            raise Unsupported(f"the axis {axis} is the batch or does not fit {rank} axes")
        axis = axis % rank - 1
        if call.opset >= 13:
            return call.add(make(-1 if axis == rank - 2 else axis), value)
        # before version 13, all axes from this one on are one
        long = [i for i in range(axis, rank - 1) if value.shape[i] != 1] or [axis]
        if len(long) == 1:
            return call.add(make(-1 if long[0] == rank - 2 else long[0]), value)
        joined = Reshape((*value.shape[:axis], size(value.shape[axis:]))) if axis else Flatten()
        result = call.add(make(-1), call.add(joined, value, suffix="_joined"))
        return call.add(Reshape(value.shape), result, suffix="_split")

    return build


def _log(call: Call) -> Tensor:
    value = call.tensor()
    before = call.translation.node(value)
    if not isinstance(before.op, Softmax):
        raise Unsupported("a logarithm is supported behind a Softmax only")
    (source,) = before.inputs
    return call.add(LogSoftmax(before.op.axis), Tensor(source, value.shape))


def _batch_normalization(call: Call) -> Tensor:
    value = call.tensor()
    if call.opset >= 14:
        call.refuse_others(training_mode=0)
    if not call.integer("spatial", 1) and len(value.shape) > 1:
        raise Unsupported("statistics for each position (spatial=0) are not supported")
    names = ("scale", "offset", "mean", "variance")
    scale, offset, mean, variance = (floating(call.constant(i + 1, name)) for i, name in enumerate(names))
    op = BatchNorm(mean, variance, scale, offset, call.number("epsilon", 1e-5))
    if len(value.shape) == 1:
        return call.add(op, value)
    return call.add_channels_first(op, value)


def _local_response(call: Call) -> Tensor:
    value, count = call.tensor(), call.integer("size", 0)
    if count < 1:
        raise Unsupported("the attribute size is missing or below one")
    op = LocalResponseNormalization(
        count, call.number("alpha", 1e-4), call.number("beta", 0.75), call.number("bias", 1.0)
    )
    return call.add(op, value) if len(value.shape) == 1 else call.add_channels_first(op, value)


def _dropout(call: Call) -> Tensor:
    if any(call.outputs[1:]):
        raise Unsupported("its second output, the mask, is read; only the values are supported")
    if call.given(2) and call.constant(2, "training mode").any():
        raise Unsupported("it is in training mode; export the network for inference")
    rate = float(call.constant(1, "rate").reshape(())) if call.given(1) else call.number("ratio", 0.5)
    return call.add(Dropout(rate), call.tensor())


ACTIVATIONS = {
    "Relu": _plain(lambda call: Relu()),
    "Clip": _clip,
    "LeakyRelu": _plain(lambda call: LeakyRelu(call.number("alpha", 0.01))),
    "PRelu": _p_relu,
    "Elu": _plain(lambda call: Elu(call.number("alpha", 1.0))),
    "Selu": _plain(lambda call: Selu(call.number("alpha", SELU_ALPHA), call.number("gamma", SELU_GAMMA))),
    "Sigmoid": _plain(lambda call: Sigmoid()),
    "HardSigmoid": _plain(lambda call: HardSigmoid(call.number("alpha", 0.2), call.number("beta", 0.5))),
    "Tanh": _plain(lambda call: Tanh()),
    "Softplus": _plain(lambda call: Softplus()),
    "Softmax": _softmax(Softmax),
    "LogSoftmax": _softmax(LogSoftmax),
    "Log": _log,
    "LRN": _local_response,
    "BatchNormalization": _batch_normalization,
    "Dropout": _dropout,
}
"""Builders of activations, normalization and dropout."""
