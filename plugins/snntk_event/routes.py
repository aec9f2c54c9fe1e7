"""Which units a value is the sum of: index arrays sent through every op that only routes, repeats or averages.

A route says of every element of a value which units of one origin, a spiking node or a weighted op, it is the sum of,
and by what each is multiplied.  The ops themselves carry the index arrays, so there is one meaning of each op.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from snntk_core import (
    Add,
    Array,
    AveragePool,
    Concat,
    Flatten,
    GlobalAveragePool,
    Identity,
    Node,
    Op,
    Pad,
    Reshape,
    Scale,
    Subtract,
    Transpose,
    Upsample,
    apply,
)
from snntk_core.shapes import Padding, Shape, resolve_padding, size

NOWHERE = -1
LARGEST = 1 << 26  # elements of an index array; what needs more is computed densely

ROUTING = Identity | Flatten | Reshape | Transpose | Upsample | Pad
"""Ops of one input that move, repeat or drop elements."""


@dataclass(frozen=True, eq=False)
class Route:
    """``value[e] = sum over taps of factors[tap, e] * origin[units[tap, e]]``.

    ``units``: (taps, *shape), flat indices into the origin's output, `NOWHERE` for none.  ``factors``: (1 or taps,
    *shape), single precision.
    """

    origin: str
    units: Array
    factors: Array


Routes = tuple[Route, ...] | None
"""The routes whose sum a value is; None for a value that has no such form."""


def start(origin: str, shape: Shape, carried: Array) -> Route:
    """Return the route of an origin's own output; ``carried`` broadcasts onto its shape."""
    units = np.arange(size(shape), dtype=np.int32).reshape(1, *shape)
    return Route(origin, units, np.broadcast_to(carried.astype(np.float32), (1, *shape)))


def through(node: Node, inputs: Sequence[Routes], shapes: Mapping[str, Shape]) -> Routes:
    """Return the routes of a linear node without weights, or None where it has none.

    ``inputs``: the routes of the values it reads.
    """
    if any(routes is None for routes in inputs):
        return None
    known = [routes for routes in inputs if routes is not None]
    match node.op:
        case Add():
            found = tuple(route for routes in known for route in routes)
        case Subtract():
            found = (*known[0], *(replace(route, factors=-route.factors) for route in known[1]))
        case Concat():
            before = [shapes[name] for name in node.inputs]
            found = tuple(_placed(node.op, route, at, before) for at, routes in enumerate(known) for route in routes)
        case Scale():
            found = tuple(_scaled(node.op, route) for route in known[0])
        case AveragePool() | GlobalAveragePool():
            shape = shapes[node.inputs[0]]
            if any(route.units.size * _taps(node.op, shape) > LARGEST for route in known[0]):
                return None
            found = tuple(_pooled(node.op, route, shape, shapes[node.name]) for route in known[0])
        case op if isinstance(op, ROUTING):
            found = tuple(_moved(op, route) for route in known[0])
        case _:
            return None
    return found if all(route.units.size <= LARGEST for route in found) else None


def _carried(op: Op, units: Sequence[Array]) -> Array:
    """Send indices, one more than they are so that zero means none, through an op, exactly."""
    return np.asarray(apply(op, *(part.astype(np.float64) + 1 for part in units)) - 1).astype(np.int32)


def _moved(op: Op, route: Route) -> Route:
    op = replace(op, value=0.0) if isinstance(op, Pad) else op
    return Route(route.origin, _carried(op, [route.units]), np.asarray(apply(op, route.factors)))


def _placed(op: Concat, route: Route, at: int, shapes: Sequence[Shape]) -> Route:
    taps, spread = len(route.units), len(route.factors)
    units = [route.units if i == at else np.full((taps, *s), NOWHERE, np.int32) for i, s in enumerate(shapes)]
    factors = [route.factors if i == at else np.zeros((spread, *s), np.float32) for i, s in enumerate(shapes)]
    return Route(route.origin, _carried(op, units), np.asarray(apply(op, *factors)))


def _scaled(op: Scale, route: Route) -> Route:
    return replace(route, factors=route.factors * op.factor.astype(np.float32))


def _taps(op: AveragePool | GlobalAveragePool, shape: Shape) -> int:
    return size(op.kernel) if isinstance(op, AveragePool) else size(shape[:-1])


def _pooled(op: AveragePool | GlobalAveragePool, route: Route, shape: Shape, after: Shape) -> Route:
    if isinstance(op, GlobalAveragePool):
        spatial = size(shape[:-1])
        units = route.units.reshape(-1, *after)
        factors = np.broadcast_to(route.factors, route.units.shape).reshape(-1, *after)
        return Route(route.origin, units, _shortest(factors / np.float32(spatial)))
    index = window_positions(op.kernel, op.strides, op.padding, (), shape, after)
    flat = route.units.reshape(len(route.units), -1, shape[-1])
    spread = np.broadcast_to(route.factors, route.units.shape).reshape(flat.shape)
    units = np.where(index[None, ..., None] >= 0, flat[:, index], NOWHERE)
    divisors = _divisors(op, index, shape)
    factors = np.where(units >= 0, spread[:, index] / divisors[:, None], 0).astype(np.float32)
    kept = units.reshape(-1, *after)
    return Route(route.origin, kept, _shortest(factors.reshape(-1, *after), kept))


def _shortest(factors: Array, units: Array | None = None) -> Array:
    """Return one row of factors where all taps have the same."""
    largest = factors.max(axis=0, keepdims=True, initial=-np.inf, where=True if units is None else units >= 0)
    same = factors == largest if units is None else (factors == largest) | (units < 0)
    return np.where(np.isfinite(largest), largest, 0).astype(np.float32) if same.all() else factors


def _divisors(op: AveragePool, index: Array, shape: Shape) -> Array:
    """Return what the sum of each window is divided by, told from the mean of ones: (positions,)."""
    ones = np.asarray(apply(op, np.ones((1, *shape[:-1], 1)))).reshape(-1)
    inside = (index >= 0).sum(axis=0)
    return np.rint(np.maximum(inside, 1) / np.where(inside > 0, ones, 1)).astype(np.float32)


def window_positions(
    kernel: Shape, strides: Shape, padding: Padding, dilation: Shape, shape: Shape, after: Shape
) -> Array:
    """Return the flat positions that each window takes, tap by tap: (taps, windows), `NOWHERE` outside the map."""
    rank = len(kernel)
    strides, dilation = strides or kernel, dilation or (1,) * rank
    pads = resolve_padding(padding, shape[:rank], kernel, strides, dilation)
    rows = []
    for tap in np.ndindex(*kernel):
        flat, valid = np.zeros((1,) * rank, np.int64), np.ones((1,) * rank, bool)
        for axis in range(rank):
            at = np.arange(after[axis]) * strides[axis] + tap[axis] * dilation[axis] - pads[axis][0]
            at = at.reshape([-1 if i == axis else 1 for i in range(rank)])
            flat, valid = flat * shape[axis] + at, valid & (at >= 0) & (at < shape[axis])
        rows.append(np.where(valid, flat, NOWHERE).reshape(-1))
    return np.stack(rows).astype(np.int32)
