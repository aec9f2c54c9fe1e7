"""fixed-point-activations: what nodes put out in Qm.f."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core import (
    ActivationOp,
    ActivationQuantizer,
    Add,
    AveragePool,
    BatchNorm,
    GlobalAveragePool,
    Input,
    LogSoftmax,
    Multiply,
    Node,
    NumberFormat,
    Op,
    Scale,
    Softmax,
    Statistics,
    Subtract,
    WeightedOp,
    option,
)
from snntk_fixedpoint.qformat import check_q, q_format

COMPUTING = (WeightedOp, Add, AveragePool, BatchNorm, GlobalAveragePool, Input, Multiply, Scale, Subtract)
"""The ops beside activations whose outputs are new values; the rest moves or picks values."""


@dataclass(frozen=True)
class FixedPointActivations(ActivationQuantizer):
    """``y = clip(round_half_even(x * 2^f) / 2^f, -(2^m - 2^-f), 2^m - 2^-f)``: Qm.f; no calibration.

    A ReLU becomes snn_toolbox's ``relu_Qm.f``; ``m`` and ``f`` may be 0.  Every other output stays as it is but for
    this rounding, which a spiking network has only for ReLUs.  A softmax stays float.
    """

    name: ClassVar[str] = "fixed-point-activations"
    needs_calibration: ClassVar[bool] = False
    ops: ClassVar[tuple[type[Op], ...]] = (Op,)

    m: int = option(3, "bits before the binary point, beside the sign")
    f: int = option(4, "bits behind the binary point")
    outputs: Literal["activations", "all"] = option(
        "activations", "of which nodes: the activations, or everything that computes new values, the input among it"
    )
    full_range: bool = option(False, "add the code of -2^m, which two's complement has")

    def __post_init__(self) -> None:
        check_q(self.m, self.f)

    def format_for(self, statistics: Statistics, node: Node) -> NumberFormat | None:
        """Return the format of a node that is meant."""
        kinds = (ActivationOp, *COMPUTING) if self.outputs == "all" else (ActivationOp,)
        if not isinstance(node.op, kinds) or isinstance(node.op, Softmax | LogSoftmax):
            return None
        return q_format(self.m, self.f, full_range=self.full_range)
