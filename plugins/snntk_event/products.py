"""Terms whose spikes are counted as bytes and multiplied with 8-bit weights, four of them at once.

The time that takes depends on no density, and maps of few channels fill the instruction as well as wide ones.  Weights
that are no 8-bit integers have no such form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from snntk_core import Array
from snntk_event.memory import Memory
from snntk_event.packing import blocks
from snntk_event.synapses import Term, Terms
from snntk_event.tiling import Tiling

LARGEST_BYTE = 255
MOST_ROWS = 1 << 16  # weight rows that a position may meet: the sum of so many of the largest products fits in 32 bits


@dataclass(frozen=True, eq=False)
class Products:
    """The terms of a layer.

    ``rows``: a table without trains, see `kernels.terms`.  ``sources``: whose spikes each term counts.  ``arrays``:
    what its addresses point at, kept alive.  ``dots``: how many times a step multiplies 64 bytes.  ``taps``: how many
    quads of taps it counts.
    """

    rows: Array
    sources: tuple[str, ...]
    arrays: tuple[Array, ...]
    dots: int
    taps: int

    def table(self, trains: Sequence[Array], memory: Memory) -> Array:
        """Return the table with the trains of every source filled in; they must outlive its use."""
        from snntk_event.kernels.terms import TRAINS, TRAINS_OF_IMAGE

        def filled() -> tuple[Array, Sequence[Array]]:
            table = self.rows.copy()
            for row, train in zip(table, trains, strict=True):
                row[TRAINS], row[TRAINS_OF_IMAGE] = train.ctypes.data, train.strides[0]
            return table, trains  # which live as long as the table: their addresses are the key

        return memory.keep((self, *map(id, trains)), filled)[0]


def products(terms: Terms, tilings: Mapping[str, Tiling]) -> Products | None:
    """Return the terms of a layer as products; None where one has no such form.

    ``tilings``: how the neurons of each source lie in its trains.
    """
    from snntk_event.kernels import terms as fields

    if not terms or not all(_fits(term) for term in terms):
        return None
    rows, arrays = np.zeros((len(terms), fields.FIELDS), np.int64), []
    count, taps = 0, 0
    for row, term in zip(rows, terms, strict=True):
        quads, kept = -(-term.view.channels // fields.QUAD), _arrays(term, tilings[term.view.source])
        row[[getattr(fields, name) for name in kept]] = [array.ctypes.data for array in kept.values()]
        sixteens, of_weights = kept["QUAD_WEIGHTS"].shape[:2]
        row[fields.POSITIONS], row[fields.QUADS], row[fields.QUAD_ROWS] = term.view.positions, quads, of_weights
        row[fields.FIRST_SIXTEEN], row[fields.SIXTEENS] = term.first // fields.LANES, sixteens
        count += _met(term).sum() * quads * sixteens
        taps += len(kept["TAP_LANES"]) * quads
        arrays += kept.values()
    return Products(rows, tuple(term.view.source for term in terms), tuple(arrays), int(count), int(taps))


def _met(term: Term) -> Array:
    """Return how many view positions each position reads."""
    lengths = np.concatenate([[0], np.cumsum(term.segments[:, 1] - term.segments[:, 0])])
    return np.asarray(lengths[term.segment_starts[1:]] - lengths[term.segment_starts[:-1]])


def _fits(term: Term) -> bool:
    from snntk_event.kernels.terms import QUAD

    view = term.view
    if term.codes is None or view.channels == 0 or view.first % QUAD or len(term.weights) % view.channels:
        return False
    most = 1 if view.map_starts is None else int(np.diff(view.map_starts).max(initial=0))
    met = int(_met(term).max(initial=0)) * view.channels
    return most <= LARGEST_BYTE and met <= MOST_ROWS and not (term.segments[:, 2] % view.channels).any()


def _arrays(term: Term, tiling: Tiling) -> dict[str, Array]:
    from snntk_event.kernels.gather import on_a_line
    from snntk_event.kernels.terms import LANES, QUAD

    assert term.codes is not None
    view, channels = term.view, term.view.channels
    quads = -(-channels // QUAD)
    taps = len(term.weights) // channels
    codes = np.zeros((taps, quads * QUAD, term.codes.codes.shape[1]), np.int8)
    codes[:, :channels] = term.codes.codes.reshape(taps, channels, -1)
    sixteens = blocks(codes.reshape(-1, codes.shape[2]), term.first, LANES)
    weights = sixteens.reshape(len(sixteens), -1, QUAD, LANES).transpose(0, 1, 3, 2)
    starts = np.arange(view.positions + 1, dtype=np.int32) if view.map_starts is None else view.map_starts
    places = starts[:-1] if view.map_positions is None else view.map_positions
    row, column = np.divmod(places, tiling.columns)
    words = (row * tiling.groups + column // tiling.group) * -(-tiling.width // 64)
    segments = term.segments.astype(np.int64)
    segments[:, 2] //= channels
    return {
        "TAP_STARTS": starts,
        "TAP_WORDS": words.astype(np.int32),
        "TAP_LANES": (column % tiling.group * tiling.lanes + view.first).astype(np.int32),
        "QUAD_STARTS": term.segment_starts,
        "QUAD_SEGMENTS": (segments * quads).astype(np.int32),
        "QUAD_WEIGHTS": on_a_line(weights),
        "STEPS_OF_WEIGHTS": blocks(term.codes.scale[None], term.first, LANES).reshape(-1),
    }
