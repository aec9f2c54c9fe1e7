"""binary: the sign of a weight, times one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_binary.sharing import PER, Per, columns, scale_of
from snntk_core import Array, Node, NumberFormat, WeightQuantizer, option


@dataclass(frozen=True)
class Binary(WeightQuantizer):
    """``w' = scale * sign(w)``, ``scale = mean|w|``, ``sign(0) = -1``: the binary weights with the least squared error.

    Biases stay float.  Source: Rastegari 2016 (XNOR-Net).
    """

    name: ClassVar[str] = "binary"

    per: Per = option("channel", PER)

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return one signed bit, scaled."""
        if role == "bias":
            return None
        values, axis = columns(array, node, self.per)
        return NumberFormat(1, scale_of(values.mean(axis=0), axis), axis)
