"""Builders of layers that join branches: Eltwise and Concat."""

from __future__ import annotations

import numpy as np

from snntk_caffe.refusal import Unsupported
from snntk_caffe.translation import Call

PRODUCT, SUM, MAXIMUM = range(3)


def _eltwise(call: Call) -> str:
    parameters, shapes = call.parameters("eltwise_param"), call.shapes
    if any(shape != shapes[0] for shape in shapes):
        raise Unsupported(f"it joins samples of the shapes {' and '.join(str(list(shape)) for shape in shapes)}")
    coefficients = tuple(parameters.coeff)
    if coefficients and (parameters.operation != SUM or len(coefficients) != len(shapes)):
        raise Unsupported(f"its {len(coefficients)} coefficients do not fit a {len(shapes)}-fold operation")
    values = list(call.inputs)
    for index, coefficient in enumerate(coefficients):
        if coefficient != 1:
            values[index] = _scaled(call, values[index], coefficient, f"_scaled_{index + 1}")
    joined = values[0]
    for index, value in enumerate(values[1:], 2):
        suffix = "" if index == len(values) else f"_{index}"
        joined = _joined(call, parameters.operation, joined, value, suffix)
    return joined


def _scaled(call: Call, value: str, factor: float, suffix: str) -> str:
    arrays = (np.array([factor], np.float32),)
    return call.add("Scale", call.shapes[0], (value,), suffix, arrays=arrays, constant_shape=())


def _joined(call: Call, operation: int, one: str, other: str, suffix: str) -> str:
    """Join two values.  The maximum of a and b is a + relu(b - a), which has a place in a spiking network."""
    shape = call.shapes[0]
    plain = {"parameters": {"eltwise_param": {"operation": SUM}}}
    if operation == PRODUCT:
        return call.add("Eltwise", shape, (one, other), suffix, op="Mul", **plain)
    if operation == SUM:
        return call.add("Eltwise", shape, (one, other), suffix, **plain)
    more = call.add("Eltwise", shape, (other, one), f"{suffix}_difference", op="Sub", **plain)
    more = call.add("ReLU", shape, (more,), f"{suffix}_excess")
    return call.add("Eltwise", shape, (one, more), suffix, **plain)


def _concat(call: Call) -> str:
    parameters, shapes = call.parameters("concat_param"), call.shapes
    axis = call.axis(parameters.concat_dim if parameters.HasField("concat_dim") else parameters.axis)
    first = shapes[0]
    if any(len(s) != len(first) or s[:axis] + s[axis + 1 :] != first[:axis] + first[axis + 1 :] for s in shapes):
        raise Unsupported(f"it joins samples of the shapes {' and '.join(str(list(shape)) for shape in shapes)}")
    if len(shapes) == 1:
        return call.inputs[0]
    shape = (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])
    return call.add("Concat", shape, parameters={"concat_param": {"axis": axis + 1}})


JOINING = {"Eltwise": _eltwise, "Concat": _concat}
"""Builders of layers that join branches."""
