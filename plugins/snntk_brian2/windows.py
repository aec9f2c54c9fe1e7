"""The windows of a spiking pool seen from its inputs: which windows a spike of an input reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core import Array
from snntk_core.unrolled import Population


@dataclass(frozen=True, eq=False)
class Windows:
    """Pairs of an input and a window that holds it, ordered by input.

    ``inputs``, ``units`` and ``places`` (pairs,): the input, the window, and the place of the input in it.  ``first``
    (windows,): the first place that lies within the border.  ``taps``: how many places a window has.
    """

    inputs: Array
    units: Array
    places: Array
    first: Array
    taps: int

    def reached(self, after: Array) -> tuple[Array, Array, Array]:
        """Return, for synapses that end in the inputs ``after``, each with each window that holds its input.

        Returned are the index of the synapse, the window, and the place of the input in it.
        """
        begin = np.searchsorted(self.inputs, after, side="left")
        count = np.searchsorted(self.inputs, after, side="right") - begin
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        pair = np.repeat(begin, count) + within
        return np.repeat(np.arange(len(after)), count), self.units[pair], self.places[pair]


def windows_of_inputs(pool: Population) -> Windows:
    """Return the windows of a spiking pool by the inputs they hold."""
    inside = pool.windows >= 0
    units, places = np.nonzero(inside)
    inputs = pool.windows[units, places]
    order = np.argsort(inputs, kind="stable")
    return Windows(inputs[order], units[order], places[order], inside.argmax(axis=1), pool.windows.shape[1])
