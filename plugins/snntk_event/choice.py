"""Events, bytes or dense: which of the exact ways is fastest for a layer, told from how many spikes a chunk holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from snntk_core import Array
from snntk_event.dense import DenseTerm, dense_term
from snntk_event.packing import Events
from snntk_event.products import Products, products
from snntk_event.synapses import Term, Terms
from snntk_event.tiling import Tiling

Way = Literal["auto", "events", "bytes", "dense"]

# Seconds on one core of a Zen 4 EPYC (2.6 GHz, AVX-512, OpenBLAS), from layers of 16 x 16 x 128 to 64 and 512 channels
# with kernels of 3 x 3, 4 images of 32 steps, at densities of 0.01 to 0.87.  Only their ratios matter.
ADD_INTEGER = 1 / 80e9
ADD_FLOAT = 1 / 30e9
ADD_GROUP = 1 / 1e9
PRODUCT = 1 / 40e9
PATCH = 1 / 3e9
TAKE = 5e-9  # a tap of a position is found
PUT = 2e-9  # a current is written and read
# An event is listed, a view position looked at, a stretch of events met; 64 products of bytes; a quad of a tap counted:
# from LeNet at densities of 0.02 to 0.5.
LIST = 1.5e-9
LOOK = 8e-9
MEET = 4e-9
DOTS = 0.3e-9
COUNT = 0.4e-9
USUAL, CLEARLY = 0.1, 1.5


@dataclass(frozen=True, eq=False)
class Cost:
    """What the events of a term cost: each spike of its source, of ``units``, is ``entries`` of them on average.

    ``add``: seconds to add the rows that an entry meets.  ``look``: seconds to find the entries of an image and step.
    ``meet``: seconds to find where they meet neurons.
    """

    units: int
    entries: float
    add: float
    look: float
    meet: float


@dataclass(frozen=True, eq=False)
class Choice:
    """How the current of a layer is computed.

    ``asked``: a way that is taken wherever it exists, or "auto".  ``costs``: of events, term by term.  ``products`` and
    ``dense``: the terms in these forms, None where one has no such form.  ``product_seconds``, ``dense_seconds``: what
    an image and step takes in them.
    """

    asked: Way
    costs: tuple[Cost, ...]
    products: Products | None
    dense: tuple[DenseTerm, ...] | None
    product_seconds: float
    dense_seconds: float

    def way(self, spikes: Sequence[float], steps: int) -> str:
        """Return the way for a chunk: "constant" where no spike can reach the layer.

        ``spikes``: how many the source of each term has; ``steps``: those of all images together.
        """
        if not self.costs:
            return "constant"
        seconds = self.seconds(spikes, steps)
        if self.asked != "auto":
            return self.asked if self.asked in seconds else "events"
        return min(seconds, key=lambda way: seconds[way])

    @property
    def counts_bytes(self) -> bool:
        """Whether bytes are clearly the fastest at a usual density."""
        if self.products is None or self.asked not in ("auto", "bytes"):
            return False
        seconds = self.seconds([USUAL * cost.units for cost in self.costs], 1)
        return self.asked == "bytes" or CLEARLY * seconds["bytes"] < min(
            value for way, value in seconds.items() if way != "bytes"
        )

    def seconds(self, spikes: Sequence[float], steps: int) -> dict[str, float]:
        """Return about how long each way takes that the layer has."""
        entries = [cost.entries * count for cost, count in zip(self.costs, spikes, strict=True)]
        listing = sum(LIST * count + cost.look * steps for cost, count in zip(self.costs, entries, strict=True))
        adding = sum(cost.add * count + cost.meet * steps for cost, count in zip(self.costs, entries, strict=True))
        found = {"events": listing + adding}
        if self.products is not None:
            found["bytes"] = self.product_seconds * steps
        if self.dense is not None:
            found["dense"] = listing + self.dense_seconds * steps
        return found

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
    dense = tuple(term for term in found if term is not None)
    counted = products(narrow, tilings) if asked == "bytes" or has_instruction() else None
    return Choice(
        asked,
        tuple(_cost(term, tilings[term.view.source]) for term in wide),
        counted,
        dense if narrow and len(dense) == len(narrow) else None,
        0 if counted is None else counted.dots * DOTS + counted.taps * COUNT,
        sum(map(_dense_seconds, dense)),
    )


def _dense_seconds(term: DenseTerm) -> float:
    """Return what an image and step of a matrix product takes."""
    patches, currents = term.taken.size * (TAKE + term.view.channels * PATCH), len(term.taken) * term.rows.shape[1]
    return term.products * PRODUCT + patches + currents * PUT


def _cost(term: Term, tiling: Tiling) -> Cost:
    """Return what an event costs: it meets as many weight rows as there are segments over its position."""
    view = term.view
    met = (term.segments[:, 1] - term.segments[:, 0]).sum() / max(1, view.positions)
    rate = ADD_GROUP if term.columns is not None else ADD_FLOAT if term.codes is None else ADD_INTEGER
    read = (view.positions if view.map_positions is None else len(view.map_positions)) * view.channels
    units = tiling.rows * tiling.columns * tiling.channels
    return Cost(
        units,
        read / units,
        float(met * term.weights.shape[1] * rate),
        LOOK * view.positions,
        MEET * len(term.segments),
    )
