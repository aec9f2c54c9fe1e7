"""The quantizer contracts: choosing number formats.  The core walks the graph, rounds and records."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core.component import Component
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, ClippedRelu, Op, QuantizedRelu, Relu, Rounding
from snntk_core.statistics import Statistics


@dataclass(frozen=True)
class WeightQuantizer(Component):
    """Chooses the number format of one weight or bias array.

    ``idempotent``: it chooses the same format again for what it has rounded.
    """

    needs_calibration: ClassVar[bool] = False
    idempotent: ClassVar[bool] = True

    @abstractmethod
    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return the format, or None to leave the array as it is; the last axis of ``array`` holds the outputs."""


@dataclass(frozen=True)
class ActivationQuantizer(Component):
    """Chooses the number format of one node's output from calibration statistics.

    ``ops``: the ops it is asked about.  ``rounding``: what becomes of a value just between two codes of a rectified
    output.
    """

    needs_calibration: ClassVar[bool] = True
    ops: ClassVar[tuple[type[Op], ...]] = (Relu, ClippedRelu, QuantizedRelu)
    rounding: ClassVar[Rounding] = "half-even"

    @abstractmethod
    def format_for(self, statistics: Statistics, node: Node) -> NumberFormat | None:
        """Return the format of what the node puts out, or None to leave it as it is.

        Without ``needs_calibration`` the statistics are those of no samples.
        """
