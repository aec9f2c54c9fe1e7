"""rescale-activations: the codes of quantized activations end where calibration samples do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snntk_core import (
    Array,
    ClippedRelu,
    Context,
    Graph,
    Node,
    Preserves,
    QuantizedRelu,
    Stage,
    Transform,
    collect,
    option,
)

ALIKE = 1e-6  # ranges this close to the maximum end there: rescaling twice changes nothing


@dataclass(frozen=True)
class RescaleActivations(Transform):
    """Lower each range of quantized activations to what calibration samples reach: ``step = min(range, max) / levels``.

    ``range`` is ``step * levels`` before.  There is one maximum for each step: a channel with a step has its own.
    A range never grows, and where nothing is above zero it stays.  Source: cnn2snn, which measures the quantized values
    of the first batch; ``measure = "quantized"`` does so with all samples.
    """

    name: ClassVar[str] = "rescale-activations"
    stage: ClassVar[Stage] = Stage.QUANTIZE
    preserves: ClassVar[Preserves] = Preserves.NOTHING
    needs_calibration: ClassVar[bool] = True

    measure: Literal["clipped", "quantized"] = option(
        "clipped", "measure activations that are clipped but not rounded, or those of the quantized network"
    )

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with smaller steps, in the ops and in the formats of their outputs."""
        if context.calibration is None:
            raise ValueError("rescale-activations needs calibration samples")
        names = [node.name for node in graph if isinstance(node.op, QuantizedRelu)]
        if not names:
            return graph
        seen = collect(_clipped(graph) if self.measure == "clipped" else graph, context.calibration, names)
        nodes = [_rescaled(node, seen[node.name].maximum) if node.name in names else node for node in graph]
        same = all(new is old for new, old in zip(nodes, graph, strict=True))
        return graph if same else replace(graph, nodes=tuple(nodes))


def _clipped(graph: Graph) -> Graph:
    """Return the graph with activations that clip where the quantized ones do."""
    nodes = [
        replace(node, op=ClippedRelu(np.zeros_like(node.op.step), node.op.step * node.op.levels), formats={})
        if isinstance(node.op, QuantizedRelu)
        else node
        for node in graph
    ]
    return replace(graph, nodes=tuple(nodes))


def _rescaled(node: Node, maximum: Array) -> Node:
    """Return the node with steps for its largest values (channels,); itself where they reach as far as they can."""
    op = node.op
    assert isinstance(op, QuantizedRelu)
    if op.step.size not in (1, maximum.size):
        return node
    largest = np.asarray(maximum if op.step.size > 1 else maximum.max()).reshape(op.step.shape)
    reach = op.step * float(op.levels)
    lower = (largest > 0) & (largest < reach * (1 - ALIKE))
    if not lower.any():
        return node
    step = np.where(lower, largest / op.levels, op.step).astype(op.step.dtype)
    formats = dict(node.formats)
    if "output" in formats:
        formats["output"] = replace(formats["output"], scale=step.reshape(formats["output"].scale.shape))
    return replace(node, op=replace(op, step=step), formats=formats)
