"""Events or dense: which of two exact ways is faster for a layer, told from how many events a chunk holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from snntk_core import Array
from snntk_event.dense import DenseTerm, dense_term
from snntk_event.packing import Events
from snntk_event.synapses import Term, Terms

Way = Literal["auto", "events", "dense"]

# Seconds on one core of a Zen 4 EPYC (2.6 GHz, AVX-512, OpenBLAS), from layers of 16 x 16 x 128 to 64 and 512 channels
# with kernels of 3 x 3, 4 images of 32 steps, at densities of 0.01 to 0.87.  Only their ratios matter.
ADD_INTEGER = 1 / 80e9
ADD_FLOAT = 1 / 26e9
ADD_GROUP = 1 / 1e9
PRODUCT = 1 / 40e9
PATCH = 1 / 3e9


@dataclass(frozen=True, eq=False)
class Choice:
    """How the current of a layer is computed.

    ``asked``: a way that is taken wherever it exists, or "auto".  ``terms``: as matrices, None where one has no such
    form.  ``event_seconds``: what an event of each term costs.  ``step_seconds``: what an image and step costs densely.
    """

    asked: Way
    terms: tuple[DenseTerm, ...] | None
    event_seconds: tuple[float, ...]
    step_seconds: float

    def way(self, events: Sequence[Events]) -> str:
        """Return the way for a chunk with these events: "constant" where no spike can reach the layer."""
        if not events:
            return "constant"
        if self.terms is None or self.asked == "events":
            return "events"
        multiplying = self.step_seconds * events[0][1][..., 0].size
        return "dense" if self.asked == "dense" or self.seconds(events) > multiplying else "events"

    def seconds(self, events: Sequence[Events]) -> float:
        """Return about how long adding the rows of these events takes."""
        return sum(cost * len(entries) for cost, (entries, _) in zip(self.event_seconds, events, strict=True))

    def currents(self, events: Sequence[Events], shape: tuple[int, ...]) -> Array:
        """Return the current of spikes (images, steps, positions, channels), summed densely."""
        assert self.terms is not None
        currents = np.zeros(shape, np.float32)
        for term, found in zip(self.terms, events, strict=True):
            term.add_to(currents, found)
        return currents


def choice(terms: Terms | None, positions: int, asked: Way) -> Choice:
    """Return the choice of a layer with these terms, None where only the core's ops compute it."""
    known = terms or ()
    found = [dense_term(term, positions) for term in known]
    dense = tuple(term for term in found if term is not None)
    return Choice(
        asked,
        dense if known and len(dense) == len(known) else None,
        tuple(_event_seconds(term) for term in known),
        sum(term.products * PRODUCT + term.taken.size * term.view.channels * PATCH for term in dense),
    )


def _event_seconds(term: Term) -> float:
    """Return what an event costs: it meets as many weight rows as there are segments over its position."""
    met = (term.segments[:, 1] - term.segments[:, 0]).sum() / max(1, term.view.positions)
    cost = ADD_GROUP if term.columns is not None else ADD_FLOAT if term.codes is None else ADD_INTEGER
    return float(met * term.weights.shape[1] * cost)
