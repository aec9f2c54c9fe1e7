"""The same sums in another order: patches of spike counts times weights, all steps as one batch.

Where most inputs spike in most steps, a matrix product is faster than adding rows one by one.  Weights on a grid stay
integers in it, so both ways give identical sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core import Array
from snntk_event.packing import Events
from snntk_event.synapses import Term, View

PATCH_BYTES = 1 << 21  # patches of one matrix product: small enough to stay in the cache


@dataclass(frozen=True, eq=False)
class DenseTerm:
    """A term as a matrix.

    ``taken``: the view position that each tap of each output position reads, one past the last for none: (positions,
    taps).  ``rows``: (taps * channels of the view, columns), integers where ``scale`` (columns,) holds their step.
    ``each``: rows are one factor for each tap and channel, and reach that channel alone: (taps, channels of the view).
    """

    view: View
    taken: Array
    rows: Array
    scale: Array | None
    first: int
    each: bool

    @property
    def products(self) -> int:
        """How many products one image and step take."""
        return int(len(self.taken) * self.rows.size)

    def add_to(self, currents: Array, events: Events) -> None:
        """Add what the events of a chunk bring to ``currents`` (images, steps, positions, channels)."""
        from snntk_event.kernels.unpack import count_events

        images, steps, positions, _ = currents.shape
        channels = self.view.channels
        counts = np.zeros((images * steps, self.view.positions + 1, channels), np.float32)
        count_events(*events, counts)
        flat = currents.reshape(images * steps, positions, -1)
        group = max(1, PATCH_BYTES // (4 * self.taken.size * channels))
        for start in range(0, len(counts), group):
            patches = counts[start : start + group].take(self.taken, axis=1)
            self._multiply(patches, flat[start : start + group])

    def _multiply(self, patches: Array, currents: Array) -> None:
        samples, positions, taps, channels = patches.shape
        if self.each:
            currents[..., self.first : self.first + channels] += np.einsum("sptc,tc->spc", patches, self.rows)
            return
        product = patches.reshape(samples * positions, taps * channels) @ self.rows
        if self.scale is not None:
            product *= self.scale
        currents[..., self.first : self.first + self.rows.shape[1]] += product.reshape(samples, positions, -1)


def dense_term(term: Term, positions: int) -> DenseTerm | None:
    """Return a term as a matrix; None where an output position reads one tap several times, or rows are of groups."""
    channels = term.view.channels
    taps, rest = divmod(len(term.weights), channels)
    taken = None if rest else _taken(term, positions, taps)
    if taken is None:
        return None
    if term.columns is None:
        rows = term.weights if term.codes is None else term.codes.codes.astype(np.float32)
        scale = None if term.codes is None else term.codes.scale
        return DenseTerm(term.view, taken, rows, scale, term.first, False)
    first = int(term.columns[0])
    alone = np.array_equal(term.columns, np.tile(first + np.arange(channels), taps))
    if term.weights.shape[1] != 1 or not alone:
        return None
    return DenseTerm(term.view, taken, term.weights.reshape(taps, channels), None, first, True)


def _taken(term: Term, positions: int, taps: int) -> Array | None:
    first, last, base = (column.astype(np.int64) for column in term.segments.T)
    lengths = last - first
    at = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    tap = at - np.repeat(base, lengths) // term.view.channels
    out = np.repeat(np.repeat(np.arange(positions), np.diff(term.segment_starts)), lengths)
    if len(at) and len(np.unique(out * taps + tap)) != len(at):
        return None
    taken = np.full((positions, taps), term.view.positions, np.int64)
    taken[out, tap] = at
    return taken
