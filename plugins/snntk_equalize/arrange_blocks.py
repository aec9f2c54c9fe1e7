"""arrange-blocks: weights, pooling, activation; the block that integer hardware computes in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core import Context, Dropout, Graph, Identity, Issue, Preserves, Stage, Transform, option
from snntk_core.errors import Incompatible
from snntk_equalize.fold_adjacent_batchnorm import FoldAdjacentBatchnorm
from snntk_equalize.invert_batchnorm_pooling import InvertBatchnormPooling
from snntk_equalize.max_pool_before_activation import MaxPoolBeforeActivation


@dataclass(frozen=True)
class ArrangeBlocks(Transform):
    """Bring every block into the order weights, pooling, activation, with its normalization folded into the weights.

    Dropout goes, then max-pool-before-activation, invert-batchnorm-pooling and fold-adjacent-batchnorm, in this order,
    on each branch of the network: what cnn2snn calls syncretize.
    """

    name: ClassVar[str] = "arrange-blocks"
    stage: ClassVar[Stage] = Stage.SIMPLIFY
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    on_error: Literal["refuse", "skip"] = option(
        "refuse", "refuse a network with a normalization that cannot be moved or folded, or leave it as it is"
    )

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph in blocks.  Raises `Incompatible` for what its parts refuse, unless that is left."""
        for node in graph:
            if isinstance(node.op, Dropout | Identity):
                graph = graph.bypass(node.name)
        graph = MaxPoolBeforeActivation().apply(graph, context)
        issues: list[Issue] = []
        for step in (InvertBatchnormPooling, FoldAdjacentBatchnorm):
            try:
                graph = step(self.on_error).apply(graph, context)
            except Incompatible as error:  # go on, to tell everything at once
                issues += error.issues
                graph = step("skip").apply(graph, context)
        if issues:
            raise Incompatible(self.name, issues)
        return graph
