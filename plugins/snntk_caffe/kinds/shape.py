"""Builders of layers that keep the values: Flatten, Reshape, Dropout and Split."""

from __future__ import annotations

from math import prod

from snntk_caffe.refusal import Unsupported
from snntk_caffe.translation import Call
from snntk_core.shapes import Shape, size


def _same(call: Call) -> str:
    _ = call.shape
    return call.inputs[0]


def _flat(call: Call, shape: Shape) -> str:
    return call.add("Flatten", (size(shape),), op="Flatten", attributes={"axis": 1})


def _flatten(call: Call) -> str:
    parameters, shape = call.parameters("flatten_param"), call.shape
    first, last = call.axis(parameters.axis), call.axis(parameters.end_axis)
    joined = (*shape[:first], size(shape[first : last + 1]), *shape[last + 1 :])
    if first == last:
        return call.inputs[0]
    return _flat(call, shape) if len(joined) == 1 else _reshaped(call, joined)


def _reshape(call: Call) -> str:
    parameters, shape = call.parameters("reshape_param"), call.shape
    dims = tuple(parameters.shape.dim)
    if parameters.axis != 0 or parameters.num_axes != -1 or len(dims) < 2:
        raise Unsupported("it changes some of the axes only, or the batch; give all of them in its shape")
    rest = tuple(shape[axis] if n == 0 and axis < len(shape) else n for axis, n in enumerate(dims[1:]))
    known = prod(length for length in rest if length != -1)
    if rest.count(-1) == 1 and dims[0] != -1 and known > 0 and size(shape) % known == 0:
        rest = tuple(size(shape) // known if length == -1 else length for length in rest)
    if prod(rest) != size(shape) or min(rest) < 1:
        raise Unsupported(f"the new shape {list(dims)} does not keep samples of shape {list(shape)} apart")
    if rest == shape:
        return call.inputs[0]
    return _flat(call, shape) if len(rest) == 1 else _reshaped(call, rest)


def _reshaped(call: Call, shape: Shape) -> str:
    return call.add("Reshape", shape, parameters={"reshape_param": {"shape": {"dim": (0, *shape)}}})


SHAPES = {"Flatten": _flatten, "Reshape": _reshape, "Dropout": _same, "Split": _same}
"""Builders of layers that keep the values."""
