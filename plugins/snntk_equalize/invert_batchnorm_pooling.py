"""invert-batchnorm-pooling: normalization comes before pooling, next to the weights it can be folded into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_core import (
    AveragePool,
    BatchNorm,
    Context,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Issue,
    MaxPool,
    Node,
    Preserves,
    Stage,
    Transform,
    apply,
    option,
)
from snntk_core.errors import Incompatible
from snntk_equalize.neighbors import alone_above, swapped

POOLS = (MaxPool, GlobalMaxPool, AveragePool, GlobalAveragePool)


@dataclass(frozen=True)
class InvertBatchnormPooling(Transform):
    """Normalize before pooling: ``pool(x) * s + t = pool(x * s + t)``.

    True of the largest value while every ``s > 0``, and of a mean of any sign as long as it leaves constants as they
    are.  Only where the normalization alone reads the pooling.  Any other pair is refused by name, or left as it is.
    """

    name: ClassVar[str] = "invert-batchnorm-pooling"
    stage: ClassVar[Stage] = Stage.SIMPLIFY
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    on_error: Literal["refuse", "skip"] = option(
        "refuse", "refuse a network with a pair that cannot be inverted, or leave that pair as it is"
    )

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with every normalization above the poolings it alone reads.

        Raises `Incompatible` with every pair that cannot trade places, unless these are left.
        """
        issues: list[Issue] = []
        for name in [node.name for node in graph if isinstance(node.op, BatchNorm)]:
            while (above := alone_above(graph, name)) is not None and isinstance(above.op, POOLS):
                issue = _obstacle(graph, graph[name], above)
                if issue is not None:
                    issues.append(issue)
                    break
                graph = swapped(graph, name)
        if issues and self.on_error == "refuse":
            raise Incompatible(self.name, issues)
        return graph


def _obstacle(graph: Graph, node: Node, pool: Node) -> Issue | None:
    """Return why the normalization ``node`` cannot come before ``pool``, None if it can."""
    op = node.op
    assert isinstance(op, BatchNorm)
    skip = "or set on_error to skip and keep it."
    if isinstance(pool.op, MaxPool | GlobalMaxPool):
        bad = 0 if op.scale is None else int((op.scale <= 0).sum())
        problem = f"{bad} of its scales are not above zero, and the largest value before {pool.name} is then another."
        return Issue(node.name, problem, f"Normalize before pooling when training, {skip}") if bad else None
    before = graph.shapes[pool.inputs[0]]
    of_ones = apply(pool.op, np.ones((1, *before[:-1], 1)))
    if np.allclose(of_ones, 1, rtol=0, atol=1e-12):
        return None
    return Issue(node.name, f"{pool.name} averages padding too, which a shift before it would change.",
                 f"Leave the padding out of the mean, {skip}")  # fmt: skip
