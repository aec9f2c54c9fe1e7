"""ternary: minus one, zero or one, times one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_binary.sharing import PER, Per, columns, scale_of
from snntk_core import Array, Node, NumberFormat, WeightQuantizer, option


@dataclass(frozen=True)
class Ternary(WeightQuantizer):
    """``w' = scale * code``, ``code`` in -1, 0, 1: the ternary weights with the least squared error.

    With the ``k`` largest absolute weights kept, the best scale is their mean, and the error falls by
    ``(sum of the k largest)^2 / k``; the best ``k`` is found exactly.  It keeps what lies above half the scale, so
    rounding to the nearest code is the same.  Biases stay float.  Source: Li 2016 (ternary weight networks).
    """

    name: ClassVar[str] = "ternary"

    per: Per = option("channel", PER)

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return two symmetric bits, scaled."""
        if role == "bias":
            return None
        values, axis = columns(array, node, self.per)
        sums = np.cumsum(-np.sort(-values, axis=0), axis=0)
        count = np.arange(1, len(values) + 1)[:, None]
        best = np.argmax(sums**2 / count, axis=0)
        kept = np.take_along_axis(sums, best[None], axis=0)[0]
        return NumberFormat(2, scale_of(kept / (best + 1), axis), axis)
