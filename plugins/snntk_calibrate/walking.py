"""From the input to the output: each quantized layer with what it reads, and what its float layer puts out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from snntk_calibrate.values import Parts, Values
from snntk_core import Array, Context, Graph, Issue, Node, Op, WeightedOp, apply
from snntk_core.errors import Incompatible

Reads = Literal["float", "quantized"]
READS = "what the float layer reads: its inputs in the float network, or those of the quantized layer"


@dataclass(frozen=True, eq=False)
class Layer:
    """A quantized layer, its ``inputs`` in the network whose layers before it are finished, and the float layer.

    ``targets``: what the float layer puts out, part by part as ``inputs``.  ``chained``: the one reader is a quantized
    layer too, with nothing between.
    """

    node: Node
    floating: WeightedOp
    inputs: list[tuple[Array, ...]]
    targets: Parts
    chained: bool

    def outputs(self, op: Op) -> Iterator[Array]:
        """Yield what ``op`` would put out in its place, part by part."""
        return (apply(op, *part) for part in self.inputs)


def walked(
    graph: Graph, context: Context, method: str, layers: str, reads: Reads, change: Callable[[Layer], Node]
) -> Graph:
    """Return the graph with each quantized layer ``changed`` in turn; those behind it see what became of it.

    With ``reads="quantized"`` the layers of a chain without anything between, as the halves of a separable convolution,
    are one layer in the float network: their input is the quantized one's.
    """
    names = quantized_layers(graph, layers)
    if not names:
        return graph
    floating, samples = float_network(graph, context, method, names), required(context, method)
    values = Values(graph, samples)
    reference = Values(floating, samples) if reads == "float" else None
    carried: dict[str, Parts] = {}
    for index, name in enumerate(names):
        context.progress(f"{method}: {name}", index, len(names))
        node, op = graph[name], floating[name].op
        assert isinstance(op, WeightedOp)
        inputs, chained = values.inputs(name), _chained(graph, name, names)
        seen = reference.inputs(name) if reference is not None else inputs
        if reference is None and node.inputs[0] in carried:
            seen = [(part,) for part in carried.pop(node.inputs[0])]
        targets = [apply(op, *part) for part in seen]
        if chained and reference is None:
            carried[name] = targets
        new = change(Layer(node, op, inputs, targets, chained))
        if new is not node:
            values.replace(name, new.op)
            graph = replace(graph, nodes=tuple(new if other.name == name else other for other in graph))
    return graph


def quantized_layers(graph: Graph, layers: str) -> list[str]:
    """Return the layers whose weights have a format and that the pattern means."""
    return [
        node.name
        for node in graph
        if isinstance(node.op, WeightedOp) and "weight" in node.formats and fnmatchcase(node.name, layers)
    ]


def float_network(graph: Graph, context: Context, method: str, names: list[str]) -> Graph:
    """Return the network before it was quantized; raises `Incompatible` where nobody knows it, or it is another one."""
    found = context.unquantized
    if found is None:
        remedy = "Quantize in the same recipe, or with snntk.quantize and calibrate."
        issues = [Issue(name, "it is quantized, and its float weights are not known.", remedy) for name in names]
        raise Incompatible(method, issues)
    issues = [
        Issue(name, "it is another layer than in the float network.", "Quantize and calibrate in one go.")
        for name in names
        if name not in found or not _alike(graph[name].op, found[name].op)
    ]
    if issues:
        raise Incompatible(method, issues)
    return found


def required(context: Context, method: str) -> Array:
    """Return the calibration samples; raises `ValueError` without any."""
    if context.calibration is None or not len(context.calibration):
        raise ValueError(f"{method} needs calibration samples")
    return context.calibration


def _alike(op: Op, other: Op) -> bool:
    return type(op) is type(other) and op.arrays["weight"].shape == other.arrays["weight"].shape


def _chained(graph: Graph, name: str, names: list[str]) -> bool:
    users = graph.users(name)
    return len(users) == 1 and users[0].name in names and name not in graph.outputs
