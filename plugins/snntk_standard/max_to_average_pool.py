"""max-to-average-pool: for targets that cannot take the maximum of spike trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core import (
    AveragePool,
    Context,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Issue,
    MaxPool,
    Preserves,
    Stage,
    Transform,
)
from snntk_core.errors import Incompatible


@dataclass(frozen=True)
class MaxToAveragePool(Transform):
    """Replace every maximum by the mean of the same window.

    This changes the function, and the ledger records by how much; a network trained with average pooling does better.
    Raises `Incompatible` for a dilated window, which no `AveragePool` has.
    """

    name: ClassVar[str] = "max-to-average-pool"
    stage: ClassVar[Stage] = Stage.ADAPT
    preserves: ClassVar[Preserves] = Preserves.NOTHING

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph without max pooling."""
        found = [node for node in graph if isinstance(node.op, MaxPool)]
        dilated = [node.name for node in found if isinstance(node.op, MaxPool) and any(n > 1 for n in node.op.dilation)]
        if dilated:
            remedy = "Leave max-to-average-pool out of the recipe, or train without dilation."
            raise Incompatible(self.name, [Issue(n, "average pooling has no dilation.", remedy) for n in dilated])
        for node in graph:
            if isinstance(node.op, MaxPool):
                op = node.op
                graph = graph.replace(node.name, AveragePool(op.kernel, op.strides, op.padding, op.ceil_mode))
            elif isinstance(node.op, GlobalMaxPool):
                graph = graph.replace(node.name, GlobalAveragePool(node.op.keep_axes))
        return graph
