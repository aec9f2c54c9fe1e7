"""The transform contract: pure rewrites of a graph."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import ClassVar

from snntk_core.component import Component
from snntk_core.graph import Graph
from snntk_core.ops import Array


class Stage(IntEnum):
    """When a transform runs; a recipe may not go back."""

    CANONICALIZE = 1
    SIMPLIFY = 2
    ADAPT = 3
    NORMALIZE = 4
    QUANTIZE = 5
    SPIKIFY = 6
    LOWER = 7


class Preserves(StrEnum):
    """What a transform promises of the network's output; checked on every run."""

    OUTPUT = "output"
    """Equal values."""
    SCALE = "scale"
    """Equal up to one positive factor."""
    NOTHING = "nothing"
    """The deviation is recorded."""


@dataclass(frozen=True, eq=False)
class Context:
    """What a transform may know: calibration samples in the model's own layout, and the steps the network will run."""

    calibration: Array | None = None
    steps: int = 32


@dataclass(frozen=True)
class Transform(Component):
    """Rewrites a graph.  Pure, and leaves it valid; applying it twice equals applying it once."""

    stage: ClassVar[Stage]
    preserves: ClassVar[Preserves]
    needs_calibration: ClassVar[bool] = False

    @abstractmethod
    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the rewritten graph, or ``graph`` itself when there is nothing to do.

        Raises `Incompatible` for a graph it cannot rewrite.
        """
