"""split-global-pool: a global pool is a pool over the whole map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core import (
    AveragePool,
    Context,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    MaxPool,
    Preserves,
    Stage,
    Transform,
)


@dataclass(frozen=True)
class SplitGlobalPool(Transform):
    """Replace every global pool over one or two axes by a pool as large as the map, then a Flatten if axes go.

    Rewrites and simulators then know two kinds of pooling, not four.
    """

    name: ClassVar[str] = "split-global-pool"
    stage: ClassVar[Stage] = Stage.CANONICALIZE
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph without global pools over one or two axes; over more axes there is no other op."""
        for node in graph:
            if not isinstance(node.op, GlobalAveragePool | GlobalMaxPool):
                continue
            lengths = graph.shapes[node.inputs[0]][:-1]
            if len(lengths) > 2:
                continue
            pool = AveragePool if isinstance(node.op, GlobalAveragePool) else MaxPool
            graph = graph.replace(node.name, pool(lengths), formats=node.formats)
            if not node.op.keep_axes:
                graph = graph.insert_after(node.name, graph.free_name(f"{node.name}_flatten"), Flatten())
        return graph
