"""Events, bytes or dense: which of the exact ways is fastest for a layer, told from how many spikes a chunk holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from snntk_core import Array
from snntk_event.chunk import Emitted
from snntk_event.costs import (
    ADD_FLOAT,
    ADD_GROUP,
    ADD_INTEGER,
    COUNT,
    DOTS,
    LIST,
    LIST_OF_PATTERN,
    LOOK,
    LOOK_OF_PATTERNS,
    MEET,
    MEET_OF_PATTERNS,
    PATCH,
    PRODUCT,
    PUT,
    TAKE,
    TURN,
    VISIT,
)
from snntk_event.dense import DenseTerm, dense_term
from snntk_event.packing import Events
from snntk_event.products import Products, products
from snntk_event.synapses import Term, Terms
from snntk_event.tiling import WIDE, Tiling

Way = Literal["auto", "events", "patterns", "bytes", "dense"]

USUAL, CLEARLY = 0.1, 1.25  # a density, and how much faster bytes are at it where trains are written for them
SHARED = 1.4  # spikes of a unit that spikes in any of four steps, at that density
AT_MOST = 4  # steps in which a unit of a pattern spikes


@dataclass(frozen=True, eq=False)
class Cost:
    """What a way costs in seconds: ``step`` for an image and step, ``spikes`` for a spike of each term's source."""

    step: float
    spikes: tuple[float, ...]

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.step + other.step, tuple(map(float.__add__, self.spikes, other.spikes)))

    def seconds(self, spikes: Sequence[float], steps: int) -> float:
        """Return about how long a chunk takes."""
        return self.step * steps + sum(map(float.__mul__, self.spikes, map(float, spikes)))


@dataclass(frozen=True, eq=False)
class Choice:
    """How the current of a layer is computed.

    ``asked``: a way that is taken wherever it exists, or "auto".  ``costs``: of the ways that the layer has; none where
    no spike can reach it.  ``patterns``: what four steps at a time cost, for each unit that spikes in any of them; None
    where no term has that way.  ``units``: of each term's source.  ``products`` and ``dense``: the terms in these
    forms, None where one has no such form.
    """

    asked: Way
    costs: Mapping[str, Cost]
    patterns: Cost | None
    units: tuple[int, ...]
    products: Products | None
    dense: tuple[DenseTerm, ...] | None

    def way(self, sources: Sequence[Emitted], steps: int) -> tuple[str, float]:
        """Return the way for a chunk and about how long it takes: "constant" where no spike can reach the layer.

        ``sources``: what the source of each term emitted; ``steps``: those of all images together.
        """
        if not self.costs:
            return "constant", 0.0
        spikes = [source.spikes for source in sources]
        seconds = {
            way: cost.seconds(spikes, steps) + _turning(sources, way == "bytes") for way, cost in self.costs.items()
        }
        if self.patterns is not None and self.asked in ("auto", "patterns"):
            least = self.patterns.seconds([count / AT_MOST for count in spikes], steps)
            if self.asked == "patterns" or least < min(seconds.values()):
                together = [source.in_any_step for source in sources]
                seconds["patterns"] = self.patterns.seconds(together, steps) + _turning(sources, False)
        way = min(seconds, key=lambda way: seconds[way])
        if self.asked != "auto":
            way = self.asked if self.asked in seconds else "events"
        return way, seconds[way]

    @property
    def counts_bytes(self) -> bool:
        """Whether bytes are clearly the fastest at a usual density."""
        if self.products is None or self.asked not in ("auto", "bytes"):
            return False
        seconds = {way: cost.seconds([USUAL * units for units in self.units], 1) for way, cost in self.costs.items()}
        others = [value for way, value in seconds.items() if way != "bytes"]
        if self.patterns is not None:
            others.append(self.patterns.seconds([USUAL * units / SHARED for units in self.units], 1))
        return self.asked == "bytes" or CLEARLY * seconds["bytes"] < min(others)

    def currents(self, events: Sequence[Events], shape: tuple[int, ...]) -> Array:
        """Return the current of spikes (images, steps, positions, channels), summed densely."""
        assert self.dense is not None
        currents = np.zeros(shape, np.float32)
        for term, found in zip(self.dense, events, strict=True):
            term.add_to(currents, found)
        return currents


def choice(narrow: Terms, wide: Terms, positions: int, asked: Way, tilings: Mapping[str, Tiling]) -> Choice:
    """Return the choice of a layer with these terms, for each position and for wide ones.

    ``tilings``: how the neurons of each source lie in its trains.
    """
    from snntk_event.kernels.dots import has_instruction

    found = [dense_term(term, positions) for term in narrow]
    every = tuple(term for term in found if term is not None)
    dense = every if narrow and len(every) == len(narrow) else None
    counted = products(narrow, tilings) if asked == "bytes" or has_instruction() else None
    units = tuple(_units(tilings[term.view.source]) for term in wide)
    costs: dict[str, Cost] = {}
    if wide:
        nothing = (0.0,) * len(wide)
        listing = _listing(wide, units)
        costs["events"] = listing + _adding(wide, units)
        if counted is not None:
            costs["bytes"] = Cost(counted.dots * DOTS + counted.taps * COUNT, nothing)
        if dense is not None:
            costs["dense"] = listing + Cost(sum(map(_dense_seconds, dense)), nothing)
    patterns = _in_patterns(wide, units) if any(term.columns is None for term in wide) else None
    return Choice(asked, costs, patterns, units, counted, dense)


def _turning(sources: Sequence[Emitted], trains: bool) -> float:
    """Return what it costs to make trains of masks, or masks of trains, where the other was written."""
    return sum(TURN * source.mask_words for source in sources if source.as_trains != trains)


def _dense_seconds(term: DenseTerm) -> float:
    """Return what an image and step of a matrix product takes."""
    patches, currents = term.taken.size * (TAKE + term.view.channels * PATCH), len(term.taken) * term.rows.shape[1]
    return term.products * PRODUCT + patches + currents * PUT


def _units(tiling: Tiling) -> int:
    return tiling.rows * tiling.columns * tiling.channels


def _entries(term: Term, units: int) -> float:
    """Return how many events of a view a spike of its source, of ``units``, is on average."""
    view = term.view
    return (view.positions if view.map_positions is None else len(view.map_positions)) * view.channels / units


def _listing(terms: Terms, units: Sequence[int], event: float = LIST, position: float = LOOK) -> Cost:
    """Return what it costs to list events."""
    spikes = tuple(event * _entries(term, count) for term, count in zip(terms, units, strict=True))
    return Cost(sum(position * term.view.positions for term in terms), spikes)


def _adding(terms: Terms, units: Sequence[int], stretch: float = MEET) -> Cost:
    """Return what it costs to add what events bring: each meets as many weight rows as segments lie over its place."""
    spikes = []
    for term, count in zip(terms, units, strict=True):
        met = (term.segments[:, 1] - term.segments[:, 0]).sum() / max(1, term.view.positions)
        rate = ADD_GROUP if term.columns is not None else ADD_FLOAT if term.codes is None else ADD_INTEGER
        spikes.append(float(_entries(term, count) * met * term.weights.shape[1] * rate))
    return Cost(sum(stretch * len(term.segments) for term in terms), tuple(spikes))


def _in_patterns(terms: Terms, units: Sequence[int]) -> Cost:
    """Return what steps in patterns cost, each unit that spikes in any of four steps counted once."""
    blocks = sum((len(term.segment_starts) - 1) * -(-term.weights.shape[1] // WIDE) for term in terms)
    visits = Cost(VISIT * blocks, (0.0,) * len(terms))
    listing = _listing(terms, units, LIST_OF_PATTERN, LOOK_OF_PATTERNS)
    return listing + _adding(terms, units, MEET_OF_PATTERNS) + visits
