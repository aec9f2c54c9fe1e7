"""Applying quantizers: the core walks the layers, rounds through the format, and records it on the node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal, cast

from snntk_core.component import Component
from snntk_core.errors import FormatError
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, FakeQuantize, WeightedOp
from snntk_core.quantized_output import with_output_format
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.statistics import Statistics, collect

Role = Literal["weight", "bias"]
Quantizers = Callable[[Node, Role], WeightQuantizer | None]


def quantize_weights(graph: Graph, quantizer: WeightQuantizer, layers: str = "*") -> Graph:
    """Return the graph with weights and biases of the matching layers on the quantizer's grids."""
    return quantized(graph, lambda node, _: quantizer if fnmatchcase(node.name, layers) else None)


def quantized(graph: Graph, chosen: Quantizers) -> Graph:
    """Return the graph with every weight and bias on the grid of the quantizer ``chosen`` for it; None leaves it.

    What a quantizer with the same options has quantized stays as it is.
    """
    nodes = [_quantized(node, chosen) if isinstance(node.op, WeightedOp) else node for node in graph]
    if all(new is old for new, old in zip(nodes, graph, strict=True)):
        return graph
    return replace(graph, nodes=tuple(nodes)).verify()


def _quantized(node: Node, chosen: Quantizers) -> Node:
    arrays, formats = dict(node.op.arrays), dict(node.formats)
    for name in arrays:
        role = cast(Role, name)
        quantizer = chosen(node, role)
        if quantizer is None or (role in formats and formats[role].quantizer == spelled(quantizer)):
            continue
        found = quantizer.format_for(arrays[role], role, node)
        if found is not None:
            formats[role] = replace(found, quantizer=spelled(quantizer))
            arrays[role] = formats[role].round(arrays[role])
    if all(arrays[name] is array for name, array in node.op.arrays.items()):
        return node
    return replace(node, op=replace(node.op, **arrays), formats=formats)


def with_weight_bits(graph: Graph, name: str, bits: int) -> Graph:
    """Return the graph with the weights of ``name``, which have a format, in one of the same range with other bits."""
    node = graph[name]
    found = node.formats["weight"].with_bits(bits)
    if found is node.formats["weight"]:
        return graph
    if found.bits < 2 and found.signed:
        raise FormatError(f"{name}: weights are quantized with 2 or more bits, got {bits}; use a binary quantizer.")
    op = replace(node.op, weight=found.round(node.op.arrays["weight"]))  # type: ignore[call-arg]
    return graph.replace(name, op, formats={**node.formats, "weight": replace(found, quantizer="")})


def spelled(component: Component) -> str:
    """Return a component as its name and its options, such as ``max-per-axis(bits=4)``."""
    options = (f"{option.name}={getattr(component, option.name)!r}" for option in component.options())
    return f"{component.name}({', '.join(options)})"


def quantize_activations(
    graph: Graph,
    quantizer: ActivationQuantizer,
    calibration: Array | None,
    layers: str = "*",
    but: tuple[str, ...] = (),
) -> Graph:
    """Return the graph with the outputs of the matching nodes rounded to the quantizer's formats.

    A rectified activation becomes a `QuantizedRelu`; any other output gets a `FakeQuantize` behind it.  ``layers``: a
    pattern of names, ``but`` the names that it does not mean.  Raises `FormatError` where calibration samples are
    needed and there are none.
    """
    names = [node.name for node in graph if asked_about(node, quantizer, layers) and node.name not in but]
    statistics = {name: Statistics.none() for name in names}
    if quantizer.needs_calibration:
        if calibration is None:
            raise FormatError(f"{quantizer.name} needs calibration samples; take them from the training set.")
        statistics = dict(collect(graph, calibration, names, histograms=True))
    for name in names:
        found = quantizer.format_for(statistics[name], graph[name])
        if found is not None:
            made = replace(found, quantizer=spelled(quantizer))
            graph = with_output_format(graph, name, made, quantizer.rounding)
    return graph.verify()


def asked_about(node: Node, quantizer: ActivationQuantizer, layers: str) -> bool:
    """Whether the quantizer has a say in the output of a node."""
    own = isinstance(node.op, quantizer.ops) and not isinstance(node.op, FakeQuantize)
    return own and fnmatchcase(node.name, layers)


@dataclass(frozen=True)
class QuantizeStep:
    """A quantizer with the pattern of the layers it is for, as a plan holds it.

    ``later``: the steps that follow in the recipe.  Of several steps that give one thing a format, the last one counts.
    """

    quantizer: WeightQuantizer | ActivationQuantizer
    layers: str = "*"
    later: tuple[QuantizeStep, ...] = ()

    @property
    def name(self) -> str:
        """The quantizer's name."""
        return self.quantizer.name

    def apply(self, graph: Graph, calibration: Array | None) -> Graph:
        """Return the quantized graph; some activation quantizers need the calibration samples."""
        if isinstance(self.quantizer, WeightQuantizer):
            return quantized(graph, self._chosen)
        taken = [node.name for node in graph if any(step._rounds(node) for step in self.later)]
        return quantize_activations(graph, self.quantizer, calibration, self.layers, tuple(taken))

    def remark(self, graph: Graph) -> str:
        """Return what is to be said of a pattern that means nothing the quantizer is for; else an empty text."""
        if self.layers == "*" or any(self._means(node) for node in graph):
            return ""
        return f"{self.name} quantizes nothing here: no layer that it is for is called {self.layers!r}."

    def _means(self, node: Node) -> bool:
        weighted = isinstance(self.quantizer, WeightQuantizer) and isinstance(node.op, WeightedOp)
        return self._rounds(node) or (weighted and fnmatchcase(node.name, self.layers))

    def _chosen(self, node: Node, role: Role) -> WeightQuantizer | None:
        takes = self._format_of(node, role) is not None
        if not takes or any(step._format_of(node, role) is not None for step in self.later):
            return None
        assert isinstance(self.quantizer, WeightQuantizer)
        return self.quantizer

    def _format_of(self, node: Node, role: Role) -> NumberFormat | None:
        if not isinstance(self.quantizer, WeightQuantizer) or not fnmatchcase(node.name, self.layers):
            return None
        return self.quantizer.format_for(node.op.arrays[role], role, node)

    def _rounds(self, node: Node) -> bool:
        return isinstance(self.quantizer, ActivationQuantizer) and asked_about(node, self.quantizer, self.layers)


def in_turn(pairs: Sequence[tuple[WeightQuantizer | ActivationQuantizer, str]]) -> tuple[QuantizeStep, ...]:
    """Return the steps of quantizers with their patterns of layers, each knowing those after it."""
    steps: tuple[QuantizeStep, ...] = ()
    for quantizer, layers in reversed(pairs):
        steps = (QuantizeStep(quantizer, layers, steps), *steps)
    return steps
