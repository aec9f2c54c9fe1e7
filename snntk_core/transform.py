"""The transform contract: pure rewrites of a graph."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
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


Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def quiet(*_: object) -> None:
    """Say nothing."""


@dataclass(frozen=True, eq=False)
class Context:
    """What a transform may know: calibration samples in the model's own layout, and the steps the network will run.

    ``unquantized``: the network just before it was quantized, None where no step has quantized it.  ``note`` takes a
    sentence for the ledger; ``progress`` is told how far a long step is.
    """

    calibration: Array | None = None
    steps: int = 32
    unquantized: Graph | None = None
    note: Callable[[str], None] = quiet
    progress: Progress = quiet


@dataclass(frozen=True)
class Transform(Component):
    """Rewrites a graph.  Pure, and leaves it valid; applying it twice equals applying it once.

    ``quick``: options for the compliance kit, which asks for no good result: of less work, such as fewer iterations, or
    such that there is work at all.
    """

    stage: ClassVar[Stage]
    preserves: ClassVar[Preserves]
    needs_calibration: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, object]] = MappingProxyType({})

    @abstractmethod
    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the rewritten graph, or ``graph`` itself when there is nothing to do.

        Raises `Incompatible` for a graph it cannot rewrite.
        """
