"""The terms of a current: events of a view of one spiking map, times rows of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from snntk_core import Array, Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, WeightedOp
from snntk_core.shapes import Shape, size
from snntk_event.integers import Codes, codes_of
from snntk_event.placement import Placement, channel_factors, grid, placement, unit_factors
from snntk_event.routes import Route
from snntk_event.segments import joined, kernel_of, stretches

LARGEST_TABLE = 1 << 27  # weights of one term; more is computed densely


@dataclass(frozen=True, eq=False)
class View:
    """Channels ``first`` to ``first + channels`` of a spiking node, each position a sum of its positions.

    ``map_starts`` and ``map_positions`` list the positions of each view position; None: the map as it is.
    """

    source: str
    map_starts: Array | None
    map_positions: Array | None
    first: int
    channels: int
    positions: int

    def key(self) -> tuple[object, ...]:
        """Return what equal views have in common."""
        maps = [None if array is None else array.tobytes() for array in (self.map_starts, self.map_positions)]
        return self.source, *maps, self.first, self.channels


@dataclass(frozen=True, eq=False)
class Term:
    """``current[p, c] += weights[entry - base, c - first]`` for each entry of the segments of a position ``p``.

    ``weights``: (rows, columns), single precision.  ``first``: the channel of the neurons that column 0 is.
    ``columns``: for each row the channel that its own first column is, where rows reach a few channels each.
    """

    view: View
    segment_starts: Array
    segments: Array
    weights: Array
    first: int = 0
    columns: Array | None = None

    @cached_property
    def codes(self) -> Codes | None:
        """The weights as 8-bit integers, where they lie on such a grid and rows reach all channels."""
        return codes_of(self.weights) if self.columns is None else None


Terms = tuple[Term, ...]


@dataclass(frozen=True, eq=False)
class Weighted:
    """A weighted op, the shapes before and after it, and the routes it reads."""

    op: WeightedOp
    before: Shape
    after: Shape
    routes: tuple[Route, ...]


def terms(
    routes: tuple[Route, ...], shape: Shape, weighted: Mapping[str, Weighted], shapes: Mapping[str, Shape]
) -> Terms | None:
    """Return the terms of a current of ``shape`` whose ``routes`` are known; None where one has no such form."""
    found: list[Term] = []
    for route in routes:
        placed = placement(route, shapes[route.origin], shape)
        if placed is None:
            return None
        if not placed.channels:
            continue
        if route.origin in weighted:
            parts = _through(weighted[route.origin], route, placed, shape, shapes)
        else:
            parts = _direct(route, placed, shape, shapes[route.origin])
        if parts is None:
            return None
        found += parts
    return tuple(found)


def _direct(route: Route, placed: Placement, shape: Shape, origin: Shape) -> Terms | None:
    """Return the term of spikes that reach neurons without weights: shortcuts and pools."""
    view, channels = _view(route.origin, placed, origin), placed.channels
    positions = np.arange(view.positions, dtype=np.int32)
    factors, base = channel_factors(route, placed, shape), positions * channels
    if factors is None:
        if len(route.factors) > 1:
            return None
        factors, base = unit_factors(route, placed, shape)[0], 0 * base
    columns = np.arange(factors.size, dtype=np.int32) % channels + placed.first
    segments = np.stack([positions, positions + 1, base], axis=1).astype(np.int32)
    starts = np.arange(view.positions + 1, dtype=np.int32)
    return (Term(view, starts, segments, factors.reshape(-1, 1), 0, columns),)


def _through(
    weighted: Weighted, route: Route, placed: Placement, shape: Shape, shapes: Mapping[str, Shape]
) -> Terms | None:
    """Return the terms of outputs of a weighted op that reach neurons, one for each route that it reads."""
    after = channel_factors(route, placed, shape)
    table = stretches(weighted.op, weighted.before, weighted.after)
    if after is None or table is None:
        return None
    found: list[Term] = []
    for read in weighted.routes:
        origin = shapes[read.origin]
        before = placement(read, origin, weighted.before)
        factors = None if before is None else channel_factors(read, before, weighted.before)
        if before is not None and not before.channels:
            continue
        if isinstance(weighted.op, Dense) and len(weighted.before) == 1:
            flat = _flat(weighted.op, read, origin, placed, after)
            term = None if flat is None else _spread(flat, placed)
        elif before is None or factors is None:
            return None
        else:
            view = _view(read.origin, before, origin)
            rows, columns = _rows(weighted.op, before, factors, placed, after)
            segments = joined(table, placed.positions, before.channels, before.channels)
            term = Term(view, *segments, rows, placed.first, columns)
        if term is None:
            return None
        found.append(term)
    return tuple(found)


def _view(source: str, placed: Placement, origin: Shape) -> View:
    count = placed.positions.shape[1]
    valid = placed.positions.T >= 0
    starts = np.concatenate([[0], np.cumsum(valid.sum(axis=1))]).astype(np.int32)
    flat = np.ascontiguousarray(placed.positions.T[valid])
    straight = (count, placed.channels) == grid(origin) and np.array_equal(flat, np.arange(count))
    if straight and valid.all() and len(placed.positions) == 1:
        return View(source, None, None, 0, placed.channels, count)
    return View(source, starts, flat, placed.begin, placed.channels, count)


def _rows(
    op: WeightedOp, before: Placement, factors: Array, placed: Placement, after: Array
) -> tuple[Array, Array | None]:
    """Return weight rows, a channel of the view after the other within a tap, and columns where they are of groups."""
    kernel = kernel_of(op)
    taken = slice(before.first, before.first + before.channels)
    kept = slice(placed.begin, placed.begin + placed.channels)
    if isinstance(op, DepthwiseConv2D):
        kernel, groups = kernel.reshape(len(kernel), 1, -1), kernel.shape[1]
    else:
        groups = op.groups if isinstance(op, Conv1D | Conv2D | ConvTranspose2D) else 1
    if groups == 1:
        rows = kernel[:, taken, kept] * factors[:, None] * after
        return np.ascontiguousarray(rows.reshape(-1, placed.channels), np.float32), None
    inside, width = kernel.shape[1], op.units // groups
    spread = kernel.reshape(len(kernel), inside, groups, width).transpose(0, 2, 1, 3)
    every = np.zeros(op.units, np.float32)
    every[kept] = after
    spread = spread * every.reshape(groups, 1, width)
    rows = spread.reshape(len(kernel), groups * inside, width)[:, taken] * factors[:, None]
    group = np.arange(before.first, before.first + before.channels) // inside
    columns = np.tile(group * width - placed.begin + placed.first, len(kernel))
    return np.ascontiguousarray(rows.reshape(-1, width), np.float32), columns.astype(np.int32)


def _spread(term: Term, placed: Placement) -> Term:
    """Return a term of one position for neurons at those positions, each as often as it takes that one."""
    taken = (placed.positions >= 0).sum(axis=0)
    starts = np.concatenate([[0], np.cumsum(taken)]).astype(np.int32)
    return replace(term, segment_starts=starts, segments=np.repeat(term.segments, taken.sum(), axis=0))


def _flat(op: Dense, read: Route, origin: Shape, placed: Placement, after: Array) -> Term | None:
    """Return the term of a Dense on a flat value: of pooled positions where the value is whole ones one by one."""
    columns = op.weight[:, placed.begin : placed.begin + placed.channels] * after
    shape = (len(columns) // origin[-1], origin[-1])
    before = placement(read, origin, shape) if size(shape) == len(columns) else None
    factors = None if before is None else channel_factors(read, before, shape)
    if before is None or factors is None or before.channels != origin[-1]:
        return _unit_by_unit(read, origin, columns, placed.first)
    rows = columns * np.tile(factors, shape[0])[:, None]
    segments = np.array([[0, shape[0], 0]], np.int32)
    view = _view(read.origin, before, origin)
    return Term(view, np.array([0, 1], np.int32), segments, np.ascontiguousarray(rows, np.float32), placed.first)


def _unit_by_unit(read: Route, origin: Shape, columns: Array, first: int) -> Term | None:
    """Return the term of a Dense whose rows are put in the order of the units that it reads."""
    units = read.units
    if size(origin) * columns.shape[1] > LARGEST_TABLE:
        return None
    factors = np.broadcast_to(read.factors, units.shape)
    rows = np.zeros((size(origin), columns.shape[1]), np.float32)
    for tap, factor in zip(units, factors, strict=True):
        valid = tap >= 0
        np.add.at(rows, tap[valid], factor[valid, None] * columns[valid])
    positions, channels = grid(origin)
    view = View(read.origin, None, None, 0, channels, positions)
    return Term(view, np.array([0, 1], np.int32), np.array([[0, positions, 0]], np.int32), rows, first)
