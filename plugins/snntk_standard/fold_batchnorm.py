"""fold-batchnorm: normalization becomes part of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core import BatchNorm, Context, Graph, Preserves, Stage, Transform
from snntk_core.scaling import as_scale
from snntk_standard.folding import fold_scale


@dataclass(frozen=True)
class FoldBatchnorm(Transform):
    """Fold every batch normalization into weights: ``W' = W * s``, ``b' = b * s + t``.

    ``s = scale / sqrt(variance + epsilon)``, ``t = offset - mean * s``, for each output channel of the weighted op
    before it, when that op feeds only the normalization, directly or through ops that commute with it (flattening,
    average pooling; max pooling while ``s > 0``), or of all weighted ops that a sum or concatenation before it joins.
    Otherwise into every weighted op after it, ``W' = s * W``, ``b' = b + sum(t * W)``, where no zero padding is
    shifted.  What can go neither way becomes a `Scale`, which is exact as well.
    """

    name: ClassVar[str] = "fold-batchnorm"
    stage: ClassVar[Stage] = Stage.SIMPLIFY
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph without `BatchNorm`."""
        found = {node.name: node.op for node in graph if isinstance(node.op, BatchNorm)}
        for name, op in found.items():
            graph = graph.replace(name, as_scale(op))
        for name in found:  # all are scales by now, so neighbors merge
            folded = fold_scale(graph, name)
            graph = graph if folded is None else folded
        return graph
