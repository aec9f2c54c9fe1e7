"""sign: the predecessor's binarization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_core import Array, Node, NumberFormat, WeightQuantizer


@dataclass(frozen=True)
class Sign(WeightQuantizer):
    """``w' = 1`` for ``w > 0``, else ``-1``: weights of networks trained to be binary, without a scale.

    Biases stay float.  snn_toolbox's ``binarize_weights``, whose rounding half to even makes -1 of zero.
    """

    name: ClassVar[str] = "sign"

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return one signed bit."""
        return None if role == "bias" else NumberFormat(1, np.float32(1))
