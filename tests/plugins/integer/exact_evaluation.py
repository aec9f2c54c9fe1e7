"""A quantized network evaluated in fractions, a second time and in another way: nothing is rounded but by activations.

Weights are ``code * step``, not the float32 nearest to it.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, lcm

import numpy as np

from snntk_core import (
    ActivationOp,
    AveragePool,
    FakeQuantize,
    Graph,
    Input,
    Node,
    QuantizedRelu,
    Scale,
    WeightedOp,
    apply,
)

to_fractions = np.frompyfunc(Fraction, 1, 1)


def fractions(values: np.ndarray) -> np.ndarray:
    """Return numbers as fractions, whatever their type."""
    given = np.asarray(values)
    return np.asarray(to_fractions(given if given.dtype == object else given.astype(np.float64)), object)


def whole(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Return fractions as integers over one denominator."""
    denominator = lcm(*(value.denominator for value in values.reshape(-1).tolist()))
    return np.asarray(np.frompyfunc(int, 1, 1)(values * denominator), object), denominator


def grid(node: Node) -> np.ndarray:
    """Return the weights of a node as fractions, each a code times its step."""
    found, weight = node.formats["weight"], node.op.arrays["weight"]
    shape = [1] * weight.ndim
    if found.axis is not None:
        shape[found.axis] = -1
    return fractions(found.encode(weight)) * fractions(found.scale).reshape(shape)


def rounded(op: QuantizedRelu | FakeQuantize, x: np.ndarray) -> np.ndarray:
    """Return an activation, value by value."""
    down = isinstance(op, QuantizedRelu) and op.rounding == "half-down"
    lowest, highest = (0, op.levels) if isinstance(op, QuantizedRelu) else (op.lowest, op.highest)
    steps = np.broadcast_to(fractions(op.step), x.shape)

    def one(value: Fraction, step: Fraction) -> Fraction:
        code = ceil(value / step - Fraction(1, 2)) if down else round(value / step)
        return step * min(max(code, lowest), highest)

    return np.asarray(np.frompyfunc(one, 2, 1)(x, steps), object)


def averaged(op: AveragePool, x: np.ndarray) -> np.ndarray:
    """Return the mean of each window, by the share of each unit in it."""
    shape = x.shape[1:]
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    shares = apply(op, units)
    found = np.zeros((len(x), *shares.shape[1:]), object)
    for unit, *place in np.argwhere(shares != 0).tolist():
        share = Fraction(1, round(1 / shares[(unit, *place)]))
        found[(slice(None), *place)] += x.reshape(len(x), -1)[:, unit] * share
    return found


def evaluated(graph: Graph, batch: np.ndarray) -> dict[str, np.ndarray]:
    """Return the values of all nodes as fractions; ``batch``: fractions in the model's own layout."""
    values: dict[str, np.ndarray] = {}
    for node in graph:
        if all(name in values for name in node.inputs):
            found = _value(node, batch, [values[name] for name in node.inputs])
            if found is not None:
                values[node.name] = found
    return values


def _value(node: Node, batch: np.ndarray, inputs: list[np.ndarray]) -> np.ndarray | None:
    op = node.op
    if isinstance(op, Input):
        return apply(op, batch)
    if isinstance(op, WeightedOp):
        (x, below), (weight, steps) = whole(inputs[0]), whole(grid(node))
        y = fractions(apply(replace(op, weight=weight, bias=None), x)) / (below * steps)
        return y if op.arrays.get("bias") is None else y + fractions(op.arrays["bias"])
    if isinstance(op, QuantizedRelu | FakeQuantize):
        return rounded(op, inputs[0])
    if isinstance(op, ActivationOp):
        return None
    if isinstance(op, AveragePool):
        return averaged(op, inputs[0])
    if isinstance(op, Scale):
        y = inputs[0] * fractions(op.factor)
        return y if op.offset is None else y + fractions(op.offset)
    return fractions(apply(op, *inputs))
