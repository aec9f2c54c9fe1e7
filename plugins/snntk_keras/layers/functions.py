"""Activation functions by name, as Keras and snn_toolbox call them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from snntk_core.ops import (
    BinarySigmoid,
    BinaryTanh,
    ClippedRelu,
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    Identity,
    LeakyRelu,
    LogSoftmax,
    Op,
    QuantizedRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Swish,
    Tanh,
    ThresholdRelu,
)
from snntk_keras.custom import named_op
from snntk_keras.model import Unsupported, printable

SIMPLE: Mapping[str, Callable[[], Op]] = {
    "linear": Identity,
    "relu": Relu,
    "relu6": ClippedRelu,
    "elu": Elu,
    "selu": Selu,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
    "softplus": Softplus,
    "softsign": Softsign,
    "swish": Swish,
    "silu": Swish,
    "hard_swish": HardSwish,
    "hard_silu": HardSwish,
    "gelu": Gelu,
    "binary_sigmoid": BinarySigmoid,
    "binary_tanh": BinaryTanh,
}
FIXED_POINT = re.compile(r"relu_Q(\d{1,2})\.(\d{1,2})")
CLAMPED = re.compile(r"clamped_relu_([0-9.]+(?:e-?\d+)?)_([0-9.]+(?:e-?\d+)?)")
NOISY = re.compile(r"NoisySoftplus(?:_([0-9.]+)_([0-9.]+))?")
NOISY_K, NOISY_SIGMA = 0.17, 1.0  # what snn_toolbox takes where none are given


def spelled(value: Any) -> str:
    """Return an activation function's name from a configuration; empty where it is a layer or has none."""
    while isinstance(value, dict):
        kind = value.get("class_name")
        if kind not in ("function", "Functional", None) or (kind is None and "config" not in value):
            return ""
        value = value.get("config")
    return "linear" if value is None else printable(value)


def function(name: str, version: int, custom: Mapping[str, str]) -> Op:
    """Return the op for an activation function's name.  Raises `Unsupported` for one without a counterpart."""
    if name in custom:
        return named_op(custom[name])
    if name == "hard_sigmoid":
        return HardSigmoid() if version < 3 else HardSigmoid(alpha=1 / 6, beta=0.5)
    if name == "leaky_relu":
        return LeakyRelu(0.2)
    if name in SIMPLE:
        return SIMPLE[name]()
    return _predecessors(name)


def _predecessors(name: str) -> Op:
    """The activations of snn_toolbox, whose parameters are in their names."""
    if match := FIXED_POINT.fullmatch(name):
        whole, fraction = int(match[1]), int(match[2])
        if whole + fraction > 24:
            raise Unsupported(f"the activation {name!r} has more than 24 bits")
        return QuantizedRelu(2.0**-fraction, 2 ** (whole + fraction) - 1)
    if match := CLAMPED.fullmatch(name):
        return ThresholdRelu(_number(match[1], name), _number(match[2], name))
    if match := NOISY.fullmatch(name):
        k, sigma = (_number(match[i], name) if match[i] else d for i, d in ((1, NOISY_K), (2, NOISY_SIGMA)))
        return Softplus(k * sigma)
    raise Unsupported(f"the activation {name!r} has no counterpart; say what it is with the option custom")


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Unsupported(f"the activation {name!r} has parameters that are not numbers") from error
