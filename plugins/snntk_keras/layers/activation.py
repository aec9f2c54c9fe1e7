"""Builders of activation layers, and of the activations that other layers carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snntk_core.ops import (
    ClippedRelu,
    Elu,
    Gelu,
    Identity,
    LeakyRelu,
    Op,
    PRelu,
    Relu,
    Softmax,
    Softplus,
    ThresholdRelu,
)
from snntk_keras.layers.functions import NOISY_K, NOISY_SIGMA, function, spelled
from snntk_keras.model import Unsupported, printable
from snntk_keras.translation import Builder, LayerCall, Tensor, finite

LOWEST = float(np.finfo(np.float32).min)


def with_activation(call: LayerCall, value: Tensor) -> Tensor:
    """Add the activation that a layer carries, if it is not the identity, as a node of its own."""
    return _activated(call, value, call.config.get("activation"), "_activation")


def _activated(call: LayerCall, value: Tensor, activation: Any, suffix: str) -> Tensor:
    name = spelled(activation)
    if name:
        op = function(name, call.version, call.translation.custom)
        return value if suffix and isinstance(op, Identity) else call.add(op, value, suffix=suffix)
    kind, config = printable(activation.get("class_name")), activation.get("config")
    if kind in call.translation.custom:
        return call.add(function(kind, call.version, call.translation.custom), value, suffix=suffix)
    if kind not in PLAIN or not isinstance(config, dict):
        raise Unsupported(f"its activation is the layer {kind}; use a layer of its own for it")
    for index, op in enumerate(PLAIN[kind](config, value)):
        value = call.add(op, value, suffix=f"{suffix}_{index + 1}" if index else suffix)
    return value


def _activation(call: LayerCall) -> Tensor:
    return _activated(call, call.input, call.config.get("activation"), "")


def _relu(config: Mapping[str, Any], _: Tensor) -> tuple[Op, ...]:
    upper = config.get("max_value")
    slope = finite(config.get("negative_slope"), "negative_slope", 0.0)
    threshold = finite(config.get("threshold"), "threshold", 0.0)
    highest = None if upper is None else finite(upper, "max_value", 0.0)
    if threshold < 0 or (threshold and slope) or (highest is not None and highest < threshold):
        problem = f"threshold {threshold}, negative_slope {slope} and max_value {highest} together"
        raise Unsupported(f"a ReLU with {problem} has no counterpart")
    if threshold:
        return (ThresholdRelu(threshold, highest),)
    rising: Op = LeakyRelu(slope) if slope else Relu()
    if highest is None:
        return (rising,)
    if slope:
        return (rising, ClippedRelu(np.float32(LOWEST), np.float32(highest)))
    return (ClippedRelu(np.float32(0), np.float32(highest)),)


def _leaky(config: Mapping[str, Any], _: Tensor) -> tuple[Op, ...]:
    slope = config.get("negative_slope", config.get("alpha"))
    return (LeakyRelu(finite(slope, "negative_slope", 0.3)),)


def _elu(config: Mapping[str, Any], _: Tensor) -> tuple[Op, ...]:
    return (Elu(finite(config.get("alpha"), "alpha", 1.0)),)


def _thresholded(config: Mapping[str, Any], _: Tensor) -> tuple[Op, ...]:
    theta = np.float32(finite(config.get("theta"), "theta", 1.0))
    return (ThresholdRelu(float(np.nextafter(theta, np.float32(np.inf)))),)  # it passes what is above, not equal


def _softmax(config: Mapping[str, Any], value: Tensor) -> tuple[Op, ...]:
    axis = config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
    return (Softmax(sample_axis(axis, len(value.shape))),)


def _noisy(config: Mapping[str, Any], _: Tensor) -> tuple[Op, ...]:
    return (Softplus(finite(config.get("k"), "k", NOISY_K) * finite(config.get("sigma"), "sigma", NOISY_SIGMA)),)


def sample_axis(axis: Any, rank: int) -> int:
    """Return an axis of a batch as an axis of a sample, counted from the end.  Raises `Unsupported` for the batch."""
    if type(axis) is not int or not -rank <= (axis - 1 if axis > 0 else axis) < rank or axis == 0:
        raise Unsupported(f"its axis is {printable(axis)}, which is not one axis of samples with {rank} axes")
    return axis - 1 - rank if axis > 0 else axis


def _prelu(call: LayerCall) -> Tensor:
    shared = call.config.get("shared_axes") or []
    if not isinstance(shared, list | tuple):
        raise Unsupported(f"its shared_axes are {printable(shared)}")
    alone = {sample_axis(axis, len(call.input.shape)) % len(call.input.shape) for axis in shared}
    shape = tuple(1 if axis in alone else length for axis, length in enumerate(call.input.shape))
    call.expect_arrays(1)
    return call.add(PRelu(call.array(0, shape, "slope")))


PLAIN = {
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "ELU": _elu,
    "ThresholdedReLU": _thresholded,
    "Softmax": _softmax,
    "NoisySoftplus": _noisy,
}
"""What activation layers without arrays become, by class."""


def _plain(kind: str) -> Builder:
    def build(call: LayerCall) -> Tensor:
        value = call.input
        for index, op in enumerate(PLAIN[kind](call.config, value)):
            value = call.add(op, value, suffix=f"_{index + 1}" if index else "")
        return value

    return build


FUNCTIONS = ("Relu", "Relu6", "Sigmoid", "Tanh", "Elu", "Selu", "Silu", "Gelu", "Softplus", "Softsign", "HardSilu")
"""Operations of keras.ops that take no options here."""


def _operation(call: LayerCall) -> Tensor:
    name = {"HardSilu": "hard_silu"}.get(call.layer.kind, call.layer.kind.lower())
    if name == "gelu":
        return call.add(Gelu(approximate=call.flag("approximate", True)))
    return call.add(function(name, call.version, {}))


ACTIVATIONS: Mapping[str, Builder] = {
    **dict.fromkeys(FUNCTIONS, _operation),
    **{kind: _plain(kind) for kind in PLAIN},
    "Activation": _activation,
    "PReLU": _prelu,
}
"""Builders of activation layers."""
