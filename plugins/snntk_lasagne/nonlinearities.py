"""Lasagne's nonlinearities by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from snntk_core.errors import did_you_mean
from snntk_core.ops import ActivationOp, AnalogOp, Elu, LeakyRelu, Relu, Selu, Sigmoid, Softmax, Softplus, Tanh
from snntk_lasagne.layers import Nonlinearity
from snntk_lasagne.refusal import Refused, printable

LINEAR = "linear"
NUMBERS: Mapping[str, float | None] = {
    "rectify": None, "linear": None, "identity": None, "softmax": None, "sigmoid": None, "tanh": None, "elu": None,
    "selu": None, "softplus": None, "leaky_rectify": 0.01, "very_leaky_rectify": 1 / 3, "LeakyRectify": 0.01,
}  # fmt: skip
"""Every nonlinearity that is known, with the number it has by default."""

OPS: Mapping[str, Callable[[float], ActivationOp | AnalogOp]] = {
    "rectify": lambda _: Relu(),
    "leaky_rectify": lambda slope: LeakyRelu(slope),
    "sigmoid": lambda _: Sigmoid(),
    "tanh": lambda _: Tanh(),
    "elu": lambda _: Elu(),
    "selu": lambda _: Selu(),
    "softplus": lambda _: Softplus(),
    "softmax": lambda _: Softmax(),
}


def named_nonlinearity(name: str, place: str, number: float | None = None) -> Nonlinearity:
    """Return a nonlinearity by Lasagne's name.  Raises `Refused` for one that is not known."""
    if name not in NUMBERS:
        hint = did_you_mean(name, NUMBERS)
        raise Refused(f"the nonlinearity {printable(name)} is not supported.{hint} Known: {', '.join(NUMBERS)}", place)
    default = NUMBERS[name]
    if default is None:
        return Nonlinearity(LINEAR if name == "identity" else name)
    return Nonlinearity("leaky_rectify", default if number is None else number)


def activation(nonlinearity: Nonlinearity) -> ActivationOp | AnalogOp | None:
    """Return the op of a nonlinearity; None for a linear one."""
    if nonlinearity.name == LINEAR:
        return None
    return OPS[nonlinearity.name](nonlinearity.number or 0.0)
