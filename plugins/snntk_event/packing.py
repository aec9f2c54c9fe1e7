"""Terms as the compiled loops take them: weights in blocks of output channels, and a table of where arrays lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snntk_core import Array
from snntk_event.integers import Codes
from snntk_event.memory import Memory
from snntk_event.synapses import Term, Terms, View

Events = tuple[Array, Array]
"""``entries`` and ``starts`` of a view, in one chunk of images and steps."""


@dataclass(frozen=True, eq=False)
class Packed:
    """The terms of a layer in blocks of ``block`` output channels; ``padded`` channels in all.

    ``rows``: the table without events.  ``arrays``: what its addresses point at, kept alive.
    """

    block: int
    padded: int
    views: tuple[View, ...]
    rows: Array
    arrays: tuple[Array, ...]

    @cached_property
    def gathers(self) -> Array:
        """Which terms reach all channels of a block: those that may take steps in patterns."""
        from snntk_event.kernels.terms import GROUPED, KIND

        return np.asarray(self.rows[:, KIND] != GROUPED)

    def table(self, events: Sequence[Events], memory: Memory) -> Array:
        """Return the table with the events of every view filled in; they must outlive its use."""
        from snntk_event.kernels.terms import ENTRIES, STARTS

        def filled() -> tuple[Array, Sequence[Events]]:
            table = self.rows.copy()
            for row, (entries, starts) in zip(table, events, strict=True):
                row[ENTRIES], row[STARTS] = entries.ctypes.data, starts.ctypes.data
            return table, events  # which live as long as the table: their addresses are the key

        return memory.keep((self, *(id(array) for pair in events for array in pair)), filled)[0]


def pack(terms: Terms, channels: int, positions: int) -> Packed:
    """Return the terms of a layer of so many channels and positions: 8-bit integers wherever weights lie on a grid."""
    from snntk_event.kernels import terms as fields
    from snntk_event.kernels.gather import packed
    from snntk_event.kernels.layer import block_size

    codes = [term.codes for term in terms]
    block = block_size(channels, bool(terms) and all(found is not None for found in codes))
    rows, arrays = np.zeros((len(terms), fields.FIELDS), np.int64), []
    for row, term, found in zip(rows, terms, codes, strict=True):
        _check_tables(term, positions)
        kept = _arrays(term, found, block)
        if term.columns is None:
            kept = {**kept, "weights": packed(kept["weights"])}
        row[[getattr(fields, name.upper()) for name in kept]] = [array.ctypes.data for array in kept.values()]
        row[fields.VIEW], row[fields.ROWS] = term.view.positions, len(term.weights)
        row[fields.KIND] = fields.GROUPED if term.columns is not None else fields.GATHER_FLOATS
        if term.columns is not None:
            row[fields.WIDTH] = term.weights.shape[1]
        else:
            row[fields.FIRST_BLOCK], row[fields.BLOCKS] = term.first // block, len(kept["weights"])
        if found is not None:
            largest = max(1, int(np.abs(found.codes.astype(np.int16)).max(initial=0)))
            row[fields.KIND], row[fields.FLUSH] = fields.GATHER_INTEGERS, np.iinfo(np.int16).max // largest
        arrays += kept.values()
    views = tuple(term.view for term in terms)
    return Packed(block, -(-channels // block) * block, views, rows, tuple(arrays))


def _check_tables(term: Term, positions: int) -> None:
    """Raise `ValueError` where the compiled loops, which check nothing, would read past the tables of a term."""
    starts, segments, view = term.segment_starts, term.segments, term.view.positions
    whole = len(starts) == positions + 1 and starts[0] == 0 and starts[-1] == len(segments)
    rising, inside = (np.diff(starts) >= 0).all(), (segments[:, :2] >= 0).all() and (segments[:, :2] <= view).all()
    if not (whole and rising and inside):
        raise ValueError(f"The tables of a term do not lead from {view} positions to {positions}.")


def _arrays(term: Term, codes: Codes | None, block: int) -> Mapping[str, Array]:
    kept = {"segment_starts": term.segment_starts, "segments": term.segments}
    if term.columns is not None:
        return {**kept, "weights": np.ascontiguousarray(term.weights, np.float32), "columns": term.columns}
    if codes is None:
        return {**kept, "weights": blocks(term.weights, term.first, block)}
    scale = blocks(codes.scale[None], term.first, block).reshape(-1)
    return {**kept, "weights": blocks(codes.codes, term.first, block), "scale": scale}


def blocks(rows: Array, first: int, block: int) -> Array:
    """Return (blocks, rows, block): the columns from the block on that holds channel ``first``, padded with zeros."""
    before = first % block
    count = -(-(before + rows.shape[1]) // block)
    wide = np.zeros((len(rows), count * block), rows.dtype)
    wide[:, before : before + rows.shape[1]] = rows
    return np.ascontiguousarray(wide.reshape(len(rows), count, block).transpose(1, 0, 2))
