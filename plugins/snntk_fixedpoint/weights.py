"""fixed-point: weights and biases in Qm.f."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core import Array, Node, NumberFormat, WeightQuantizer, option
from snntk_fixedpoint.qformat import check_q, q_format


@dataclass(frozen=True)
class FixedPoint(WeightQuantizer):
    """``w' = clip(round_half_even(w * 2^f) / 2^f, -(2^m - 2^-f), 2^m - 2^-f)``: Qm.f, for weights and biases.

    ``m`` and ``f`` may be 0.  Biases get their own format, or stay float.  snn_toolbox's ``quantize_weights``.
    """

    name: ClassVar[str] = "fixed-point"

    m: int = option(1, "bits before the binary point, beside the sign")
    f: int = option(6, "bits behind the binary point")
    bias_m: int | None = option(None, "bits before the binary point of a bias; by default as for weights")
    bias_f: int | None = option(None, "bits behind the binary point of a bias; by default as for weights")
    arrays: Literal["all", "weight", "bias"] = option("all", "what is rounded; the rest stays float")
    full_range: bool = option(False, "add the code of -2^m, which two's complement has")

    def __post_init__(self) -> None:
        check_q(self.m, self.f)
        check_q(*self._bias())

    def _bias(self) -> tuple[int, int]:
        return (self.m if self.bias_m is None else self.bias_m, self.f if self.bias_f is None else self.bias_f)

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return the format, whatever the array."""
        if self.arrays not in ("all", role):
            return None
        m, f = self._bias() if role == "bias" else (self.m, self.f)
        return q_format(m, f, full_range=self.full_range)
