"""Builders of arithmetic: with constants it is a Scale, between values an Add, Subtract, Multiply or Concat."""

from __future__ import annotations

from math import prod

import numpy as np

from snntk_core.ops import Add, Array, Concat, Identity, Multiply, Reshape, Scale, Subtract
from snntk_core.ops import Softsign as SoftsignOp
from snntk_core.shapes import Shape, broadcast_fits
from snntk_torch.operators.axes import own_axis
from snntk_torch.operators.linear import floating
from snntk_torch.refusal import Unsupported
from snntk_torch.translation import Call, Magnitude, Tensor, Value

ONE = np.ones((), np.float32)


def per_sample(constant: Array, value: Tensor) -> Array:
    """Return a constant that meets (batch, *shape) as one that meets the shape.

    Raises `Unsupported` where it differs between samples or would enlarge the value.
    """
    array = constant
    if array.ndim == len(value.shape) + 1 and array.shape[0] == 1:
        array = array[0]
    if not broadcast_fits(array.shape, value.shape):
        raise Unsupported(f"its constant of shape {constant.shape} does not fit the shape {value.shape} of a sample")
    return floating(array)


def _operands(call: Call) -> tuple[Tensor, Array | None, bool]:
    """Return (value, constant, whether the constant comes first); no constant where both are values."""
    first = not isinstance(call.get("self"), Tensor)
    value = call.tensor("other" if first else "self")
    other = "self" if first else "other"
    if isinstance(call.get(other), Tensor):
        return value, None, False
    return value, per_sample(call.constant(other), value), first


def _require_equal(*values: Tensor) -> None:
    if any(value.shape != values[0].shape for value in values):
        shapes = " and ".join(str(value.shape) for value in values)
        raise Unsupported(f"it broadcasts between values of the shapes {shapes}; only equal shapes are supported")


def _factor(call: Call) -> Array:
    return np.array(call.number("alpha", 1), np.float32)


def _scaled(call: Call, value: Tensor) -> Tensor:
    factor = _factor(call)
    return value if factor == 1 else call.add(Scale(factor), value, suffix="_scaled")


def _add(call: Call) -> Value:
    if isinstance(call.get("self"), Magnitude) or isinstance(call.get("other"), Magnitude):
        return _enlarged(call)
    value, constant, first = _operands(call)
    if constant is None:
        other = call.tensor("other")
        _require_equal(value, other)
        return call.add(Add(), value, _scaled(call, other))
    if first:
        return call.add(Scale(_factor(call), constant), value)
    return call.add(Scale(ONE, constant * _factor(call)), value)


def _enlarged(call: Call) -> Magnitude:
    first = isinstance(call.get("self"), Magnitude)
    magnitude, other = call.get("self" if first else "other"), call.constant("other" if first else "self")
    if other.size != 1 or _factor(call) != 1:
        raise Unsupported("an absolute value is supported in x / (1 + abs(x)) only")
    return Magnitude(magnitude.tensor, magnitude.offset + float(other.reshape(())))


def _subtract(call: Call) -> Tensor:
    value, constant, first = _operands(call)
    if constant is None:
        other = call.tensor("other")
        _require_equal(value, other)
        return call.add(Subtract(), value, _scaled(call, other))
    if first:
        return call.add(Scale(-_factor(call), constant), value)
    return call.add(Scale(ONE, -constant * _factor(call)), value)


def _reversed_subtract(call: Call) -> Tensor:
    value, constant, _ = _operands(call)
    if constant is None:
        _require_equal(value, call.tensor("other"))
        return call.add(Subtract(), call.tensor("other"), _scaled(call, value))
    return call.add(Scale(-_factor(call), constant), value)


def _multiply(call: Call) -> Tensor:
    value, constant, _ = _operands(call)
    if constant is not None:
        return call.add(Scale(constant), value)
    other = call.tensor("other")
    rank = max(len(value.shape), len(other.shape))
    if any(len(item.shape) != rank for item in (value, other)):
        raise Unsupported(f"it broadcasts between values of the shapes {value.shape} and {other.shape}")
    return call.add(Multiply(), value, other)


def _divide(call: Call) -> Tensor:
    if call.given("rounding_mode"):
        raise Unsupported("a division that rounds is not supported")
    other = call.get("other")
    if isinstance(other, Magnitude):
        if other.offset == 1 and call.get("self") == other.tensor:
            return call.add(SoftsignOp(), other.tensor)
        raise Unsupported("an absolute value is supported in x / (1 + abs(x)) only")
    value, constant, first = _operands(call)
    if constant is None or first:
        raise Unsupported("a division by a computed value is not supported")
    if not np.all(constant):
        raise Unsupported("it divides by zero")
    return call.add(Scale((1 / constant.astype(np.float64)).astype(constant.dtype)), value)


def _joined(call: Call) -> list[Tensor]:
    values = call.get("tensors")
    if not isinstance(values, list | tuple) or not values:
        raise Unsupported("it joins nothing")
    if not all(isinstance(value, Tensor) for value in values):
        raise Unsupported("it joins constants with computed values")
    return list(values)


def _concat(call: Call) -> Tensor:
    values = _joined(call)
    axis = own_axis(call.integer("dim", 0), len(values[0].shape) + 1)
    return call.add(Concat(axis), *values)


def _stack(call: Call) -> Tensor:
    values = _joined(call)
    _require_equal(*values)
    shape = values[0].shape
    axis = own_axis(call.integer("dim", 0), len(shape) + 2)
    longer: Shape = (*shape[:axis], 1, *shape[axis:])
    return call.add(Concat(axis), *(call.add(Reshape(longer), value, suffix="_part") for value in values))


def same(call: Call) -> Tensor:
    """Add what changes nothing."""
    return call.add(Identity(), call.tensor())


def _converted(call: Call) -> Value:
    """A change of type: only to other floats, which are all float32 here."""
    kinds = [call.get(key) for key in ("dtype", "other")]
    if any(not isinstance(kind, bool | list) and kind in INTEGER_TYPES for kind in kinds):
        raise Unsupported("it rounds values to integers")
    return call.tensor()


INTEGER_TYPES = frozenset(
    {*range(5), 11, *(f"torch.{kind}" for kind in ("uint8", "int8", "int16", "int32", "int64", "bool"))}
)
"""As exported programs spell them, and by the numbers of TorchScript."""


def _magnitude(call: Call) -> Magnitude:
    return Magnitude(call.tensor())


def _square(call: Call) -> Tensor:
    return call.add(Multiply(), call.tensor(), call.tensor())


def _item_count(call: Call) -> int:
    return call.translation.batch_size * prod(call.tensor().shape)


ARITHMETIC = {
    "add": _add,
    "sub": _subtract,
    "subtract": _subtract,
    "rsub": _reversed_subtract,
    "mul": _multiply,
    "multiply": _multiply,
    "div": _divide,
    "divide": _divide,
    "true_divide": _divide,
    "neg": lambda call: call.add(Scale(-ONE), call.tensor()),
    "abs": _magnitude,
    "square": _square,
    "cat": _concat,
    "concat": _concat,
    "stack": _stack,
    "to": _converted,
    "_to_copy": _converted,
    "numel": _item_count,
}
"""Builders of arithmetic operators."""
