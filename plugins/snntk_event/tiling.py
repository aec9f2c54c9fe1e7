"""Neighboring positions side by side: a layer of few channels fills the lanes of a block with columns of its map.

``group`` columns of ``lanes`` channels each, padded with silent ones, form one wide position.  An event that several of
them see is then added once for all, and one block is stepped where there were ``group`` of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snntk_core import Array
from snntk_core.shapes import Shape, size
from snntk_event.synapses import Term, Terms

WIDE = 64  # lanes of a block
SMALLEST = 8  # lanes of a position


@dataclass(frozen=True, eq=False)
class Tiling:
    """A map of ``rows`` x ``columns`` positions with ``channels`` channels; ``group`` 1 leaves every position alone."""

    rows: int
    columns: int
    channels: int
    lanes: int
    group: int

    @property
    def groups(self) -> int:
        """How many wide positions a row of the map has."""
        return -(-self.columns // self.group)

    @property
    def positions(self) -> int:
        """How many wide positions there are."""
        return self.rows * self.groups

    @property
    def width(self) -> int:
        """How many lanes a wide position has."""
        return self.lanes * self.group

    @property
    def places(self) -> tuple[int, int, int]:
        """What the compiled loops know of it."""
        return self.group, self.lanes, self.columns

    def spread(self, array: Array, value: float) -> Array:
        """Return (n, 1 or positions, channels) as (n, 1 or wide positions, lanes) in float32, ``value`` in between."""
        if array.shape[1] == 1 and (self.group == 1 or self.columns % self.group == 0):
            wide = np.full((len(array), 1, self.group, self.lanes), value, np.float32)
            wide[..., : self.channels] = array[:, :, None]
            return wide.reshape(len(array), 1, -1)
        shape = (len(array), self.rows, self.columns, self.channels)
        full = np.broadcast_to(array, (len(array), self.rows * self.columns, self.channels)).reshape(shape)
        wide = np.full((len(array), self.rows, self.groups * self.group, self.lanes), value, np.float32)
        wide[:, :, : self.columns, : self.channels] = full
        return wide.reshape(len(array), self.positions, self.width)

    def steady(self, constant: Array | None, shape: Shape) -> Array:
        """Return a current, (1 or images, *shape) or None for nothing, in lanes."""
        if constant is None:
            return np.zeros((1, 1, self.width), np.float32)
        return self.spread(constant.reshape(len(constant), -1, shape[-1]), 0)

    def of_map(self, array: Array) -> Array:
        """Return (n, wide positions, lanes) as (n, rows, columns in groups, lanes of a column)."""
        return array.reshape(len(array), self.rows, self.groups * self.group, self.lanes)

    def collected(self, array: Array) -> Array:
        """Return a copy of (n, wide positions, lanes) as (n, positions * channels)."""
        wide = self.of_map(array)
        return np.array(wide[:, :, : self.columns, : self.channels], order="C").reshape(len(array), -1)


def alone(shape: Shape, block: int) -> Tiling:
    """Return the tiling that leaves every position of ``shape`` alone; its channels fill blocks of ``block``."""
    return Tiling(1, size(shape[:-1]), shape[-1], -(-shape[-1] // block) * block, 1)


def tiled(shape: Shape) -> Tiling | None:
    """Return the tiling that fills a block with columns of a map of ``shape``; None for too many channels."""
    lanes = max(SMALLEST, 1 << (shape[-1] - 1).bit_length())
    if len(shape) < 2 or 2 * lanes > WIDE or shape[-2] < 2:
        return None
    group = min(WIDE // lanes, 1 << (shape[-2] - 1).bit_length())
    return Tiling(size(shape[:-2]), shape[-2], shape[-1], lanes, group) if group * lanes in (16, 32, 64) else None


def widened_terms(terms: Terms, tiling: Tiling) -> Terms | None:
    """Return the terms of a layer for its wide positions; None where one has no such form."""
    wide = [_term(term, tiling) for term in terms]
    found = tuple(term for term in wide if term is not None)
    return found if len(found) == len(terms) else None


def _term(term: Term, tiling: Tiling) -> Term | None:
    if term.columns is not None or term.view.channels == 0:
        return None
    wide = widened(term.segment_starts, term.segments, len(term.weights), term.view.channels, tiling)
    if wide is None:
        return None
    weights = wide.weights(term.weights, term.first, tiling)
    return replace(term, segment_starts=wide.segment_starts, segments=wide.segments, weights=weights, first=0)


@dataclass(frozen=True, eq=False)
class Widened:
    """Segments of wide positions, and how their weight rows are made of narrow ones.

    ``rows``: (wide rows, group), the narrow row that each position of a group meets; below zero for none.
    """

    segment_starts: Array
    segments: Array
    rows: Array

    def weights(self, narrow: Array, first: int, tiling: Tiling) -> Array:
        """Return rows of wide weights, (wide rows, lanes); column 0 of ``narrow`` is channel ``first``."""
        wide = np.zeros((*self.rows.shape, tiling.lanes), narrow.dtype)
        last = first + narrow.shape[1]
        wide[..., first:last] = np.where((self.rows >= 0)[..., None], narrow[self.rows], narrow.dtype.type(0))
        return wide.reshape(len(wide), -1)


def widened(segment_starts: Array, segments: Array, rows: int, channels: int, tiling: Tiling) -> Widened | None:
    """Return segments of a term for wide positions; None where neighbors do not read the same rows, shifted.

    ``rows``: of the narrow weights.  ``channels``: entries of a view position.
    """
    counts = np.diff(segment_starts)
    position = np.repeat(np.arange(len(counts)), counts)
    row, column = np.divmod(position, tiling.columns)
    wide, place = row * tiling.groups + column // tiling.group, column % tiling.group
    first, last, base = segments.T.astype(np.int64)
    bounds = _bands(first * channels - base, last * channels - base, rows)
    band = np.searchsorted(bounds, first * channels - base, side="right") - 1
    key = wide * len(bounds) + band
    if len(np.unique(key * tiling.group + place)) < len(key):
        return None
    order = np.lexsort((place, key))
    key, place, first, last, base = (array[order] for array in (key, place, first, last, base))
    if not len(key):
        return None
    same = np.diff(key) == 0
    steps = np.unique(np.diff(base)[same] / np.diff(place)[same]) if same.any() else np.zeros(1)
    if len(steps) > 1 or steps[0] < 0 or steps[0] % channels:
        return None
    return _joined(key, place, (first, last, base), bounds, int(steps[0]), channels, tiling)


def _bands(begin: Array, end: Array, rows: int) -> Array:
    """Return where the bands of weight rows begin that segments never leave, and the end of the last one."""
    inside = np.zeros(rows + 1, np.int64)  # how many segments hold the boundary before each row
    np.add.at(inside, begin + 1, 1)
    np.add.at(inside, np.minimum(end, rows), -1)
    return np.append(np.flatnonzero(np.cumsum(inside)[:-1] == 0), rows)


def _joined(
    key: Array,
    place: Array,
    narrow: tuple[Array, Array, Array],
    bounds: Array,
    step: int,
    channels: int,
    tiling: Tiling,
) -> Widened | None:
    """Join segments of equal ``key``, wide position and band, whose bases grow by ``step`` from place to place."""
    first, last, base = narrow
    begin = np.flatnonzero(np.diff(key, prepend=-1))
    wide, band = np.divmod(key[begin], len(bounds))
    heights = np.where(np.isin(np.arange(len(bounds) - 1), band), np.diff(bounds) + (tiling.group - 1) * step, 0)
    offsets = np.concatenate([[0], np.cumsum(heights)])
    from_view, to_view = np.minimum.reduceat(first, begin), np.maximum.reduceat(last, begin)
    zero = base[begin] - place[begin] * step  # the base of place 0
    segments = np.stack([from_view, to_view, zero + bounds[band] - offsets[band]], axis=1).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(np.bincount(wide, minlength=tiling.positions))]).astype(np.int32)
    at = np.arange(offsets[-1])
    of_band = np.searchsorted(offsets, at, side="right") - 1
    met = (at - offsets[of_band] + bounds[of_band])[:, None] - np.arange(tiling.group) * step
    met = np.where((met >= bounds[of_band][:, None]) & (met < bounds[of_band + 1][:, None]), met, -1)
    found = Widened(starts, segments, met)
    return found if _met(found, wide, channels, tiling) == (last - first).sum() else None


def _met(found: Widened, wide: Array, channels: int, tiling: Tiling) -> int:
    """Return how many view positions the segments of ``wide`` positions meet, counted for each place of the map.

    It is -1 where they meet rows that do not exist.
    """
    lengths = found.segments[:, 1] - found.segments[:, 0]
    view = np.repeat(found.segments[:, 0] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    rows = view * channels - np.repeat(found.segments[:, 2], lengths)
    if (rows < 0).any() or (rows + channels > len(found.rows)).any():
        return -1
    places = np.minimum(tiling.columns - np.repeat(wide, lengths) % tiling.groups * tiling.group, tiling.group)
    return int(((found.rows[rows] >= 0) & (np.arange(tiling.group) < places[:, None])).sum())
