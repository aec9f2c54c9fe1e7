"""The quantizer contracts: choosing number formats.  The core walks the graph, rounds and records."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core.component import Component
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array
from snntk_core.statistics import Statistics


@dataclass(frozen=True)
class WeightQuantizer(Component):
    """Chooses the number format of one weight or bias array."""

    needs_calibration: ClassVar[bool] = False

    @abstractmethod
    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat:
        """Return the format; the last axis of ``array`` holds the outputs."""


@dataclass(frozen=True)
class ActivationQuantizer(Component):
    """Chooses the number format of one node's output from calibration statistics."""

    needs_calibration: ClassVar[bool] = True

    @abstractmethod
    def format_for(self, statistics: Statistics, node: Node) -> NumberFormat:
        """Return the format of what the node puts out."""
