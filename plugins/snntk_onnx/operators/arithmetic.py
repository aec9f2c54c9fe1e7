"""Builders of arithmetic: with constants it is a Scale, between values an Add, Subtract or Concat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snntk_core.number_format import NumberFormat
from snntk_core.ops import Add, Array, ClippedRelu, Concat, Dense, Identity, Multiply, Op, Relu, Scale, Subtract
from snntk_core.shapes import broadcast_fits
from snntk_onnx.operators.linear import floating, of_vector
from snntk_onnx.tensors import Unsupported, type_name
from snntk_onnx.translation import Call, Tensor

LARGEST = float(np.finfo(np.float32).max)
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


def _constant(call: Call, index: int, value: Tensor) -> Array:
    constant = call.constant(index, "constant")
    if call.opset < 7 and call.integer("broadcast", 0) and "axis" in call.attributes:
        behind = len(value.shape) + 1 - call.integer("axis", 0) % (len(value.shape) + 1) - constant.ndim
        constant = constant.reshape(constant.shape + (1,) * max(behind, 0))
    return per_sample(constant, value)


def _operands(call: Call) -> tuple[Tensor, Array | None, bool]:
    """Return (value, constant, whether the constant comes first); no constant where both are values."""
    if len(call.inputs) != 2:
        raise Unsupported(f"it has {len(call.inputs)} inputs, but two were expected")
    first = not isinstance(call.inputs[0], Tensor)
    value = call.tensor(int(first))
    other = 1 - int(first)
    if isinstance(call.inputs[other], Tensor):
        return value, None, False
    return value, _constant(call, other, value), first


def _require_equal(*values: Tensor) -> None:
    if any(value.shape != values[0].shape for value in values):
        shapes = " and ".join(str(value.shape) for value in values)
        raise Unsupported(f"it broadcasts between values of the shapes {shapes}; only equal shapes are supported")


def _add(call: Call) -> Tensor:
    value, constant, first = _operands(call)
    if constant is None:
        _require_equal(value, call.tensor(1))
        return call.add(Add(), value, call.tensor(1))
    kept = of_vector(call.format(0 if first else 1))
    return _biased(call, value, constant, kept) or call.add(Scale(ONE, constant), value)


def _biased(call: Call, value: Tensor, constant: Array, kept: NumberFormat | None) -> Tensor | None:
    """Give a bias to the Dense before, where nothing else reads it: MatMul and Add are how many files spell one."""
    op = call.translation.node(value).op
    alone = call.translation.users.get(value.node) == 1
    if not isinstance(op, Dense) or op.bias is not None or not alone or constant.size != (constant.shape or (1,))[-1]:
        return None
    bias = np.broadcast_to(constant.reshape(-1), (op.units,))
    call.translation.replace(value, replace(op, bias=bias), {"bias": kept})
    return value


def _subtract(call: Call) -> Tensor:
    value, constant, first = _operands(call)
    if constant is None:
        _require_equal(value, call.tensor(1))
        return call.add(Subtract(), value, call.tensor(1))
    return call.add(Scale(-ONE, constant) if first else Scale(ONE, -constant), value)


def _multiply(call: Call) -> Tensor:
    value, constant, _ = _operands(call)
    if constant is None:
        _require_equal(value, call.tensor(1))
        return call.add(Multiply(), value, call.tensor(1))
    return call.add(Scale(constant), value)


def _divide(call: Call) -> Tensor:
    value, constant, first = _operands(call)
    if constant is None or first:
        raise Unsupported("a division by a computed value is not supported")
    if not np.all(constant):
        raise Unsupported("it divides by zero")
    return call.add(Scale((1 / constant.astype(np.float64)).astype(constant.dtype)), value)


def _sum(call: Call) -> Tensor:
    values = [value for value in call.inputs if isinstance(value, Tensor)]
    _require_equal(*values)
    total = values[0] if len(values) == 1 else call.add(Add(), *values)
    constants = [per_sample(value, total) for value in call.inputs if isinstance(value, np.ndarray)]
    if constants:
        return call.add(Scale(ONE, sum(constants[1:], constants[0])), total, suffix="_offset")
    return call.add(Identity(), total) if len(values) == 1 else total


def _mean(call: Call) -> Tensor:
    return call.add(Scale(ONE / len(call.inputs)), _sum(call), suffix="_mean")


def _bounded(call: Call, *, below: bool) -> Tensor:
    value, constant, _ = _operands(call)
    if constant is None:
        raise Unsupported("a maximum or minimum of two computed values is not supported")
    bound = np.array(LARGEST, np.float32)
    op: Op = ClippedRelu(constant, bound) if below else ClippedRelu(-bound, constant)
    return call.add(Relu() if below and not constant.any() else op, value)


def _concat(call: Call) -> Tensor:
    values = [call.tensor(index) for index in range(len(call.inputs))]
    rank = len(values[0].shape) + 1
    axis = call.integer("axis", 1)
    if not -rank <= axis < rank or axis % rank == 0:
        raise Unsupported(f"the axis {axis} is the batch or does not fit {rank} axes")
    return call.add(Concat(axis % rank - 1), *values)


def _cast(call: Call) -> Tensor:
    kind = type_name(call.integer("to", 1))
    if kind not in ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16"):
        raise Unsupported(f"it rounds values to the type {kind}")
    return call.add(Identity(), call.tensor())


ARITHMETIC = {
    "Add": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "Div": _divide,
    "Sum": _sum,
    "Mean": _mean,
    "Max": lambda call: _bounded(call, below=True),
    "Min": lambda call: _bounded(call, below=False),
    "Neg": lambda call: call.add(Scale(-ONE), call.tensor()),
    "Concat": _concat,
    "Cast": _cast,
    "Identity": lambda call: call.add(Identity(), call.tensor()),
}
"""Builders of arithmetic operators."""
