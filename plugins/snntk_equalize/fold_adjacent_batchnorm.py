"""fold-adjacent-batchnorm: normalization right behind weights becomes part of them, quantized ones included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from snntk_core import (
    BatchNorm,
    Context,
    DepthwiseConv2D,
    Graph,
    Issue,
    Node,
    Preserves,
    Stage,
    Transform,
    Transpose,
    WeightedOp,
    option,
)
from snntk_core.errors import Incompatible
from snntk_core.scaling import SCALABLE, as_scale, scale_outputs
from snntk_equalize.neighbors import alone_above


@dataclass(frozen=True)
class FoldAdjacentBatchnorm(Transform):
    """Fold a normalization into the weighted op that it alone reads: ``W' = W * s``, ``b' = offset + (b - mean) * s``.

    ``s = scale / sqrt(variance + epsilon)`` for each output channel.  Quantized weights with one step for each output
    channel keep their codes: the steps take ``|s|``, the codes its sign.  A scale of zero would leave a channel without
    weights, so it is refused, as are quantized weights with one step for all and a normalization along another axis
    than the channels.  The source is cnn2snn and quantizeml; fold-batchnorm reaches further.
    """

    name: ClassVar[str] = "fold-adjacent-batchnorm"
    stage: ClassVar[Stage] = Stage.SIMPLIFY
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    on_error: Literal["refuse", "skip"] = option(
        "refuse", "refuse a network with a pair that cannot be folded, or leave that pair as it is"
    )

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with every such pair folded; the weighted op keeps its name.

        Raises `Incompatible` with every pair that cannot be folded, unless these are left.
        """
        issues: list[Issue] = []
        for node in graph:
            above = alone_above(graph, node.name) if isinstance(node.op, BatchNorm) else None
            if above is None:
                continue
            found = _obstacles(graph, node, above)
            if found or not isinstance(above.op, SCALABLE):
                issues += found
                continue
            graph = graph.bypass(node.name).replace(above.name, above.op, origin=node.origin)
            graph = replace(graph, nodes=tuple(_folded(other, above, node) for other in graph))
        if issues and self.on_error == "refuse":
            raise Incompatible(self.name, issues)
        return graph


def _obstacles(graph: Graph, node: Node, above: Node) -> list[Issue]:
    """Return why the normalization ``node`` cannot become part of ``above``; empty too where they are no pair."""
    op, found = node.op, list[Issue]()
    assert isinstance(op, BatchNorm)
    if isinstance(above.op, Transpose) and isinstance(graph[above.inputs[0]].op, WeightedOp):
        problem = f"it normalizes another axis than the channels of {above.inputs[0]}."
        return [Issue(node.name, problem, "Normalize the channels, or set on_error to skip and keep it.")]
    if not isinstance(above.op, SCALABLE):
        return found
    null = 0 if op.scale is None else int((op.scale == 0).sum())
    if null:
        problem = f"{null} of its scales are zero, so these channels of {above.name} would have no weights."
        found.append(Issue(node.name, problem, "Prune the channels, set on_error to skip, or use fold-batchnorm."))
    return found + _format_obstacles(node, above)


def _format_obstacles(node: Node, above: Node) -> list[Issue]:
    weight_format, arrays = above.formats.get("weight"), above.op.arrays
    remedy = "Fold before quantizing."
    if "bias" in above.formats:
        return [Issue(node.name, f"the bias of {above.name} is quantized and would leave its grid.", remedy)]
    if weight_format is None:
        return []
    last = arrays["weight"].ndim - 1
    if isinstance(above.op, DepthwiseConv2D) or weight_format.axis not in (-1, last):
        problem = f"the quantized weights of {above.name} have no step of their own for each output channel."
        return [Issue(node.name, problem, f"Quantize per axis. {remedy}")]
    if weight_format.full_range:
        return [Issue(node.name, f"the codes of {above.name} are not symmetric, so they have no opposite.", remedy)]
    return []


def _folded(node: Node, above: Node, norm: Node) -> Node:
    """Return ``node``, with the normalization in its weights if it is the op ``above``."""
    if node.name != above.name:
        return node
    op, scale = above.op, as_scale(_wide(norm.op))
    assert isinstance(op, WeightedOp)
    folded, weight_format = scale_outputs(op, scale.factor, scale.offset), above.formats.get("weight")
    if weight_format is None:
        return replace(node, op=folded)
    stepped = replace(weight_format, scale=weight_format.scale * np.abs(scale.factor))
    codes = weight_format.encode(op.arrays["weight"]) * np.sign(scale.factor).astype(np.int64)
    kept: dict[str, Any] = {"weight": stepped.decode(codes)}
    return replace(node, op=replace(folded, **kept), formats={**above.formats, "weight": stepped})


def _wide(op: object) -> BatchNorm:
    """Return the normalization in float64: it is rounded once, with the weights."""
    assert isinstance(op, BatchNorm)
    arrays: dict[str, Any] = {name: array.astype(np.float64) for name, array in op.arrays.items()}
    return replace(op, **arrays)
