"""drop-dropout: what does nothing at inference goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core import Context, Dropout, Graph, Identity, Preserves, Stage, Transform


@dataclass(frozen=True)
class DropDropout(Transform):
    """Remove every `Dropout` and `Identity`: ``y = x``."""

    name: ClassVar[str] = "drop-dropout"
    stage: ClassVar[Stage] = Stage.CANONICALIZE
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph without them; what was an output is now the output of the node before it."""
        for node in graph:
            if isinstance(node.op, Dropout | Identity):
                graph = graph.bypass(node.name)
        return graph
