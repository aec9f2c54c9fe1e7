"""fold-constant-scale: constant factors and offsets become part of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core import Context, Graph, Preserves, Scale, Stage, Transform
from snntk_standard.folding import fold_scale


@dataclass(frozen=True)
class FoldConstantScale(Transform):
    """Fold every ``y = factor * x + offset`` into the weights before it, else into all weights after it.

    On its way a map may pass what it commutes with: flattening, reshaping and transposing always, pooling, upsampling
    and padding when it is constant over space; on its way up it divides among what a sum or concatenation joins.  A
    mean image subtracted before Flatten and Dense becomes a bias.  Maps in a row merge, and those that do nothing go.
    A shifted input of a zero-padded convolution stays a `Scale`: the border does not see the shift, so no bias would
    be exact.
    """

    name: ClassVar[str] = "fold-constant-scale"
    stage: ClassVar[Stage] = Stage.SIMPLIFY
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with as few `Scale` nodes as exactness allows."""
        while (folded := _fold_one(graph)) is not None:
            graph = folded
        return graph


def _fold_one(graph: Graph) -> Graph | None:
    for node in graph:
        if isinstance(node.op, Scale) and (folded := fold_scale(graph, node.name)) is not None:
            return folded
    return None
