"""Applying quantizers: the core walks the layers, rounds through the format, and records it on the node."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal, cast

from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import ActivationOp, Array, WeightedOp
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.statistics import collect


def quantize_weights(graph: Graph, quantizer: WeightQuantizer, layers: str = "*") -> Graph:
    """Return the graph with weights and biases of the matching layers on the quantizer's grids."""
    nodes = [_quantized(node, quantizer) if _matches(node, layers, WeightedOp) else node for node in graph]
    return replace(graph, nodes=tuple(nodes)).verify()


def quantize_activations(graph: Graph, quantizer: ActivationQuantizer, calibration: Array, layers: str = "*") -> Graph:
    """Return the graph with the outputs of the matching activations kept in the quantizer's formats."""
    chosen = [node.name for node in graph if _matches(node, layers, ActivationOp)]
    statistics = collect(graph, calibration, chosen)
    nodes = [
        replace(node, formats={**node.formats, "output": quantizer.format_for(statistics[node.name], node)})
        if node.name in chosen
        else node
        for node in graph
    ]
    return replace(graph, nodes=tuple(nodes)).verify()


def _matches(node: Node, layers: str, kind: type) -> bool:
    return isinstance(node.op, kind) and fnmatchcase(node.name, layers)


def _quantized(node: Node, quantizer: WeightQuantizer) -> Node:
    arrays, formats = dict(node.op.arrays), dict(node.formats)
    for role, array in arrays.items():
        formats[role] = quantizer.format_for(array, cast(Literal["weight", "bias"], role), node)
        arrays[role] = formats[role].round(array)
    return replace(node, op=replace(node.op, **arrays), formats=formats)


@dataclass(frozen=True)
class QuantizeStep:
    """A quantizer with the pattern of the layers it is for, as a plan holds it."""

    quantizer: WeightQuantizer | ActivationQuantizer
    layers: str = "*"

    @property
    def name(self) -> str:
        """The quantizer's name."""
        return self.quantizer.name

    def apply(self, graph: Graph, calibration: Array | None) -> Graph:
        """Return the quantized graph; activation quantizers need the calibration samples."""
        if isinstance(self.quantizer, WeightQuantizer):
            return quantize_weights(graph, self.quantizer, self.layers)
        assert calibration is not None, "resolve() asks for calibration data"
        return quantize_activations(graph, self.quantizer, calibration, self.layers)
