"""Builders of activations, normalization and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snntk_core.ops import (
    BatchNorm,
    ClippedRelu,
    Dropout,
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    Identity,
    LeakyRelu,
    LogSoftmax,
    Multiply,
    Op,
    PRelu,
    Relu,
    Scale,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Swish,
    Tanh,
)
from snntk_torch.operators.axes import own_axis, sample_axis
from snntk_torch.operators.cutting import cut
from snntk_torch.operators.linear import floating
from snntk_torch.refusal import Unsupported
from snntk_torch.translation import Call, Tensor

LARGEST = float(np.finfo(np.float32).max)
THRESHOLD = 20.0  # beyond it, Softplus is the identity in PyTorch; the difference is below float32


def _plain(make: Callable[[Call], Op]) -> Callable[[Call], Tensor]:
    return lambda call: call.add(make(call), call.tensor())


def clipping(lower: float, upper: float) -> Op:
    """Return the op that keeps values between two bounds; a bound at the end of the floats is none."""
    low, high = max(lower, -LARGEST), min(upper, LARGEST)
    if high >= LARGEST and low <= -LARGEST:
        return Identity()
    if high >= LARGEST and low == 0:
        return Relu()
    return ClippedRelu(np.array(low, np.float32), np.array(high, np.float32))


def _clip(low: str, high: str, lowest: float = -LARGEST, highest: float = LARGEST) -> Callable[[Call], Tensor]:
    def build(call: Call) -> Tensor:
        return call.add(clipping(call.number(low, lowest), call.number(high, highest)), call.tensor())

    return build


def _p_relu(call: Call) -> Tensor:
    value, slope = call.tensor(), floating(call.constant("weight")).reshape(-1)
    channels = value.shape[0] if value.shape else 1
    if slope.size not in (1, channels):
        raise Unsupported(f"its {slope.size} slopes do not fit {channels} channels")
    spread = () if slope.size == 1 else (channels, *(1 for _ in value.shape[1:]))
    return call.add(PRelu(slope.reshape(spread)), value)


def _elu(call: Call) -> Tensor:
    scale, alpha = call.number("scale", 1), call.number("alpha", 1)
    if call.number("input_scale", 1) != 1:
        raise Unsupported("an Elu of a scaled input is not supported")
    return call.add(Elu(alpha) if scale == 1 else Selu(alpha, scale), call.tensor())


def _celu(call: Call) -> Tensor:
    alpha = call.number("alpha", 1)
    if alpha == 1:
        return call.add(Elu(), call.tensor())
    if alpha == 0:
        raise Unsupported("its alpha is zero")
    shrunk = call.add(Scale(np.array(1 / alpha, np.float32)), call.tensor(), suffix="_shrunk")
    return call.add(Scale(np.array(alpha, np.float32)), call.add(Elu(), shrunk), suffix="_grown")


def _r_relu(call: Call) -> Tensor:
    if call.flag("training"):
        raise Unsupported("it draws random slopes; export the network in eval mode")
    return call.add(LeakyRelu((call.number("lower", 1 / 8) + call.number("upper", 1 / 3)) / 2), call.tensor())


def _softplus(call: Call) -> Tensor:
    beta = call.number("beta", 1)
    if beta <= 0 or call.number("threshold", THRESHOLD) < THRESHOLD:
        raise Unsupported(f"with beta {beta} it turns linear too early to be a Softplus")
    return call.add(Softplus(1 / beta), call.tensor())


def _threshold(call: Call) -> Tensor:
    if call.number("threshold", 0) or call.number("value", 0):
        raise Unsupported("a threshold other than zero is not supported; use a ReLU")
    return call.add(Relu(), call.tensor())


def _softmax(make: Callable[[int], Op]) -> Callable[[Call], Tensor]:
    def build(call: Call) -> Tensor:
        value = call.tensor()
        axis = sample_axis(call, value)
        return call.add(make(-1 if axis == len(value.shape) - 1 else axis), value)

    return build


def _log(call: Call) -> Tensor:
    value = call.tensor()
    before = call.translation.node(value)
    if not isinstance(before.op, Softmax):
        raise Unsupported("a logarithm is supported behind a Softmax only")
    return call.add(LogSoftmax(before.op.axis), Tensor(before.inputs[0], value.shape))


def _glu(call: Call) -> Tensor:
    value = call.tensor()
    axis = own_axis(call.integer("dim", -1), len(value.shape) + 1)
    half = value.shape[axis] // 2
    if half * 2 != value.shape[axis]:
        raise Unsupported(f"an axis of {value.shape[axis]} has no halves")
    gate = call.add(Sigmoid(), cut(call, value, axis, half, 2 * half, suffix="_gate"), suffix="_sigmoid")
    return call.add(Multiply(), cut(call, value, axis, 0, half, suffix="_value"), gate)


def _batch_norm(call: Call) -> Tensor:
    value = call.tensor("input")
    if not call.given("running_mean") or not call.given("running_var"):
        raise Unsupported("it has no running statistics and normalizes each batch by its own")
    if call.flag("training"):
        raise Unsupported("it is in training mode; export the network in eval mode")
    names = ("running_mean", "running_var", "weight", "bias")
    arrays: list[Any] = [floating(call.constant(name)) if call.given(name) else None for name in names]
    mean, variance, scale, offset = arrays
    op = BatchNorm(mean, variance, scale, offset, call.number("eps", 1e-5))
    return call.add(op, value) if len(value.shape) == 1 else call.add_channels_first(op, value)


def _dropout(call: Call) -> Tensor:
    if call.flag("train"):
        raise Unsupported("it is in training mode; export the network in eval mode")
    return call.add(Dropout(call.number("p", 0.5)), call.tensor("input"))


def _gelu(call: Call) -> Tensor:
    return call.add(Gelu(call.get("approximate", "none") == "tanh"), call.tensor())


def _first_of(build: Callable[[Call], Tensor], others: int) -> Callable[[Call], list[Tensor | None]]:
    return lambda call: [build(call), *(None for _ in range(others))]


ACTIVATIONS = {
    "relu": _plain(lambda call: Relu()),
    "relu6": _plain(lambda call: ClippedRelu()),
    "hardtanh": _clip("min_val", "max_val", -1.0, 1.0),
    "clamp": _clip("min", "max"),
    "clip": _clip("min", "max"),
    "clamp_min": _clip("min", "max"),
    "clamp_max": _clip("min", "max"),
    "leaky_relu": _plain(lambda call: LeakyRelu(call.number("negative_slope", 0.01))),
    "prelu": _p_relu,
    "_prelu_kernel": _p_relu,
    "elu": _elu,
    "celu": _celu,
    "rrelu": _r_relu,
    "selu": _plain(lambda call: Selu()),
    "gelu": _gelu,
    "silu": _plain(lambda call: Swish()),
    "hardswish": _plain(lambda call: HardSwish()),
    "hardsigmoid": _plain(lambda call: HardSigmoid(1 / 6, 0.5)),
    "sigmoid": _plain(lambda call: Sigmoid()),
    "tanh": _plain(lambda call: Tanh()),
    "softplus": _softplus,
    "threshold": _threshold,
    "softmax": _softmax(Softmax),
    "_softmax": _softmax(Softmax),
    "log_softmax": _softmax(LogSoftmax),
    "_log_softmax": _softmax(LogSoftmax),
    "log": _log,
    "glu": _glu,
    "batch_norm": _batch_norm,
    "cudnn_batch_norm": _first_of(_batch_norm, 3),
    "native_batch_norm": _first_of(_batch_norm, 2),
    "_native_batch_norm_legit": _first_of(_batch_norm, 2),
    "_native_batch_norm_legit_no_training": _first_of(_batch_norm, 2),
    "_batch_norm_impl_index": _first_of(_batch_norm, 4),
    "dropout": _dropout,
    "feature_dropout": _dropout,
    "alpha_dropout": _dropout,
    "feature_alpha_dropout": _dropout,
    "native_dropout": _first_of(_dropout, 1),
}
"""Builders of activations, normalization and dropout."""
