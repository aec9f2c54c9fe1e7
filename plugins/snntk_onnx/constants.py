"""Folding: what a node with constant inputs gives, in numpy.  Nothing grows beyond a limit on a file's word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from snntk_core.ops import Array
from snntk_onnx.number_formats import bipolar, dequantize, quant, quantize
from snntk_onnx.tensors import Unsupported, to_array, type_name
from snntk_onnx.translation import Call

ELEMENTS = 1 << 24  # of one folded constant that is larger than what it came from

TYPES: Mapping[str, type] = {
    "FLOAT": np.float32,
    "DOUBLE": np.float64,
    "FLOAT16": np.float32,
    "BFLOAT16": np.float32,
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
}


def limited(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return ``shape`` if an array of it may be made."""
    if any(length < 0 for length in shape) or prod(shape) > ELEMENTS:
        raise Unsupported(f"it would make a constant of shape {shape}, which is too large")
    return shape


def element_type(data_type: int) -> type:
    """Return the numpy type for an element type of the file."""
    name = type_name(data_type)
    if name not in TYPES:
        raise Unsupported(f"the element type {name} is not supported")
    return TYPES[name]


def _elementwise(function: Callable[..., Any]) -> Callable[[Call], Array]:
    def fold(call: Call) -> Array:
        arrays = _arrays(call)
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        if prod(shape) > max(array.size for array in arrays):
            limited(shape)
        return np.asarray(function(*arrays))

    return fold


def _arrays(call: Call) -> list[Array]:
    return [call.constant(index, "input") for index in range(len(call.inputs))]


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind in "iu":
        return np.asarray(np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)), a.dtype)
    return np.asarray(a / b)


def _constant(call: Call) -> Array:
    values = call.attributes
    if "value" in values:
        return to_array(values["value"])
    for key, kind in (("value_float", np.float32), ("value_int", np.int64)):
        for name in (key, f"{key}s"):
            if name in values:
                return np.asarray(values[name], kind)
    raise Unsupported("its value is neither a tensor nor numbers")


def _constant_of_shape(call: Call) -> Array:
    value = to_array(call.attributes["value"]) if "value" in call.attributes else np.zeros(1, np.float32)
    return np.broadcast_to(value.reshape(()), limited(_whole(call.constant(0, "shape"))))


def _whole(array: Array) -> tuple[int, ...]:
    return tuple(int(value) for value in array.reshape(-1))


def _gather(call: Call) -> Array:
    data, index = call.constant(0, "data"), call.constant(1, "index")
    axis = call.integer("axis", 0)
    limited((index.size, data.size // max(data.shape[axis], 1)))
    return np.asarray(np.take(data, index.astype(np.int64), axis=axis))


def _unsqueeze(call: Call) -> Array:
    return np.expand_dims(call.constant(0, "data"), call.integers("axes", 1) or ())


def _squeeze(call: Call) -> Array:
    return np.squeeze(call.constant(0, "data"), axis=call.integers("axes", 1))


def _concat(call: Call) -> Array:
    return np.concatenate(_arrays(call), axis=call.integer("axis", 1))


def _cast(call: Call) -> Array:
    return call.constant(0, "data").astype(element_type(call.integer("to", 1)))


def _slice(call: Call) -> Array:
    data = call.constant(0, "data")
    starts, ends = call.integers("starts", 1) or (), call.integers("ends", 2) or ()
    axes = call.integers("axes", 3) or range(len(starts))
    steps = call.integers("steps", 4) or (1,) * len(starts)
    cuts = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        # a negative step may run past the first element, which numpy spells None
        cuts[axis] = slice(start, None if step < 0 and end < -data.shape[axis] else end, step)
    return data[tuple(cuts)]


def _reshape(call: Call) -> Array:
    data, shape = call.constant(0, "data"), call.integers("shape", 1) or ()
    if not call.integer("allowzero", 0):
        shape = tuple(data.shape[axis] if length == 0 else length for axis, length in enumerate(shape))
    return data.reshape(shape)


def _flatten(call: Call) -> Array:
    data, axis = call.constant(0, "data"), call.integer("axis", 1)
    return data.reshape(prod(data.shape[:axis]), -1)


def _transpose(call: Call) -> Array:
    return call.constant(0, "data").transpose(call.integers("perm"))


def _expand(call: Call) -> Array:
    data = call.constant(0, "data")
    return np.broadcast_to(data, limited(np.broadcast_shapes(data.shape, _whole(call.constant(1, "shape")))))


def _range(call: Call) -> Array:
    start, limit, step = (call.constant(index, "range").reshape(()) for index in range(3))
    limited((max(int((limit - start) / step) + 1, 0),))
    return np.arange(start, limit, step)


def _matmul(call: Call) -> Array:
    a, b = _arrays(call)
    limited((a.size // max(a.shape[-1], 1), b.size // max(a.shape[-1], 1)))
    return np.asarray(a @ b)


def _clip(call: Call) -> Array:
    data = call.constant(0, "data")
    lower = call.constant(1, "lower bound") if call.given(1) else call.attributes.get("min")
    upper = call.constant(2, "upper bound") if call.given(2) else call.attributes.get("max")
    return data if lower is None and upper is None else np.asarray(np.clip(data, lower, upper), data.dtype)


def _product(call: Call) -> Array:
    axes, keep = call.integers("axes", 1), bool(call.integer("keepdims", 1))
    return np.asarray(call.constant(0, "data").prod(axis=axes, keepdims=keep))


def _shape(call: Call) -> Array:
    return np.array(call.constant(0, "data").shape[call.integer("start", 0) : call.attributes.get("end")], np.int64)


FOLDS: Mapping[str, Callable[[Call], Array]] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Gather": _gather,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Concat": _concat,
    "Cast": _cast,
    "Slice": _slice,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Expand": _expand,
    "Range": _range,
    "MatMul": _matmul,
    "Clip": _clip,
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "Quant": quant,
    "IntQuant": quant,
    "BipolarQuant": bipolar,
    "ReduceProd": _product,
    "Shape": _shape,
    "Size": lambda call: np.array(call.constant(0, "data").size),
    "Add": _elementwise(np.add),
    "Sub": _elementwise(np.subtract),
    "Mul": _elementwise(np.multiply),
    "Div": _elementwise(_divide),
    "Pow": _elementwise(np.power),
    "Neg": _elementwise(np.negative),
    "Abs": _elementwise(np.abs),
    "Sqrt": _elementwise(np.sqrt),
    "Exp": _elementwise(np.exp),
    "Reciprocal": _elementwise(np.reciprocal),
    "Floor": _elementwise(np.floor),
    "Ceil": _elementwise(np.ceil),
    "Identity": _elementwise(lambda x: x),
    "Equal": _elementwise(np.equal),
    "Where": _elementwise(np.where),
}
"""What can be folded."""
