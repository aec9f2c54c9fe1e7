"""Builders of layers and operations that join values: sums, products, extremes, concatenation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from snntk_core.ops import Add, Array, Concat, Multiply, Op, Relu, Scale, Subtract
from snntk_keras.layers.activation import sample_axis
from snntk_keras.layers.functions import function
from snntk_keras.model import Unsupported, printable
from snntk_keras.translation import Builder, LayerCall, Tensor, constant


def _operand(value: Any, rank: int) -> Array:
    """A constant that is added or multiplied, without the batch axis it may have."""
    array = constant(value, "constant")
    if array.ndim == rank + 1 and array.shape[0] == 1:
        array = array[0]
    if array.ndim > rank:
        raise Unsupported(f"its constant has the shape {array.shape}, which mixes samples")
    return array


def _split(call: LayerCall) -> tuple[list[Tensor], list[Array]]:
    """The computed values and the constants."""
    tensors = list(call.inputs)
    if not tensors:
        raise Unsupported("nothing that it reads depends on the input")
    rank = len(tensors[0].shape)
    return tensors, [_operand(value, rank) for value in call.values if not isinstance(value, Tensor)]


def _scaled(call: LayerCall, value: Tensor, factor: Any, offset: Any = None) -> Tensor:
    return call.add(Scale(np.asarray(factor, np.float32), offset), value)


def _summed(call: LayerCall) -> Tensor:
    tensors, constants = _split(call)
    value = call.add(Add(), *tensors) if len(tensors) > 1 else tensors[0]
    for array in constants:
        value = _scaled(call, value, 1, array)
    return value


def _multiplied(call: LayerCall) -> Tensor:
    tensors, constants = _split(call)
    value = tensors[0]
    for other in tensors[1:]:
        value = call.add(Multiply(), value, other)
    for array in constants:
        value = _scaled(call, value, array)
    return value


def _pair(call: LayerCall) -> Sequence[Any]:
    if len(call.values) != 2:
        raise Unsupported(f"it takes two values, and {len(call.values)} are connected")
    return call.values


def _subtracted(call: LayerCall) -> Tensor:
    first, second = _pair(call)
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return call.add(Subtract(), first, second)
    rank = len(_split(call)[0][0].shape)
    if isinstance(first, Tensor):
        return _scaled(call, first, 1, -_operand(second, rank))
    return _scaled(call, second, -1, _operand(first, rank))


def _divided(call: LayerCall) -> Tensor:
    first, second = _pair(call)
    if not isinstance(first, Tensor) or isinstance(second, Tensor):
        raise Unsupported("it divides by a computed value, which has no counterpart")
    divisor = _operand(second, len(first.shape))
    if not divisor.all():
        raise Unsupported("it divides by zero")
    return _scaled(call, first, 1 / divisor)


def _averaged(call: LayerCall) -> Tensor:
    total = call.add(Add(), *call.inputs, suffix="_sum")
    return _scaled(call, total, np.float32(1 / len(call.inputs)))


def _extreme(join: Callable[[], Op], flipped: bool) -> Builder:
    """``max(a, b) = a + relu(b - a)`` and ``min(a, b) = a - relu(a - b)``, which are exact up to rounding."""

    def build(call: LayerCall) -> Tensor:
        if len(call.inputs) != len(call.values) or len(call.inputs) < 2:
            raise Unsupported("it takes two or more computed values")
        value = call.inputs[0]
        for other in call.inputs[1:]:
            pair = (value, other) if flipped else (other, value)
            excess = call.add(Relu(), call.add(Subtract(), *pair, suffix="_difference"), suffix="_excess")
            value = call.add(join(), value, excess)
        return value

    return build


def _concatenated(call: LayerCall) -> Tensor:
    if len(call.inputs) != len(call.values) or not call.inputs:
        raise Unsupported("it takes computed values only")
    axis = sample_axis(call.config.get("axis", -1), len(call.inputs[0].shape))
    return call.inputs[0] if len(call.inputs) == 1 else call.add(Concat(axis), *call.inputs)


def _merge(call: LayerCall) -> Tensor:
    raise Unsupported(f"merging by {printable(call.config.get('mode'))!r} has no counterpart")


def _negated(call: LayerCall) -> Tensor:
    return _scaled(call, call.input, -1)


TENSORFLOW: Mapping[str, Builder] = {
    "__operators__.add": _summed,
    "math.add": _summed,
    "math.multiply": _multiplied,
    "__operators__.mul": _multiplied,
    "math.subtract": _subtracted,
    "math.truediv": _divided,
    "math.divide": _divided,
    "math.negative": _negated,
    **{
        f"{module}.{name}": lambda call, name=name: call.add(function(name, 2, {}))
        for module, name in (("nn", "relu"), ("nn", "relu6"), ("nn", "silu"), ("nn", "softmax"), ("nn", "elu"))
    },
    **{f"math.{name}": lambda call, name=name: call.add(function(name, 2, {})) for name in ("tanh", "sigmoid")},
}
"""Functions of TensorFlow that tf.keras wrapped into layers when they were called on its values."""


def _tensorflow(call: LayerCall) -> Tensor:
    name = printable(call.config.get("function"))
    if name not in TENSORFLOW:
        raise Unsupported(f"the function tf.{name} has no counterpart")
    return TENSORFLOW[name](call)


ARITHMETIC: Mapping[str, Builder] = {
    "Add": _summed,
    "Subtract": _subtracted,
    "Multiply": _multiplied,
    "Divide": _divided,
    "TrueDivide": _divided,
    "Negative": _negated,
    "Average": _averaged,
    "Maximum": _extreme(Add, flipped=False),
    "Minimum": _extreme(Subtract, flipped=True),
    "Concatenate": _concatenated,
    "Merge": _merge,
    "TFOpLambda": _tensorflow,
}
"""Builders of layers and operations on several values."""
