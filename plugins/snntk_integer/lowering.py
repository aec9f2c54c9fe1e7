"""From a quantized graph to integers, node by node; whatever has none is refused by name, all at once."""

from __future__ import annotations

from functools import singledispatch

from snntk_core import (
    ActivationOp,
    Add,
    AveragePool,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    FakeQuantize,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Identity,
    Input,
    Issue,
    MaxPool,
    Node,
    Op,
    Pad,
    QuantizedRelu,
    Reshape,
    Scale,
    Subtract,
    Transpose,
    Upsample,
    WeightedOp,
)
from snntk_core.errors import Incompatible
from snntk_core.reference import part_size
from snntk_integer import plain
from snntk_integer.feed import feed_of
from snntk_integer.network import IntegerLayer, IntegerNetwork
from snntk_integer.rounding import rounded
from snntk_integer.value import Kernel, Place, Refusal, Value
from snntk_integer.weighted import accumulated

WEIGHTED = (Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D)
MOVING = (Dropout, Flatten, Identity, Pad, Reshape, Transpose, Upsample)
ROUNDING = (QuantizedRelu, FakeQuantize)
OTHERS = (Add, AveragePool, Concat, GlobalAveragePool, GlobalMaxPool, MaxPool, Scale, Subtract)
KNOWN = frozenset({Input, *WEIGHTED, *MOVING, *ROUNDING, *OTHERS})
"""The ops that have integers."""


@singledispatch
def lowered(op: Op, place: Place) -> tuple[Value, Kernel]:
    """Return what the integers of a node stand for, and what computes them; raises `Refusal`."""
    raise Refusal(f"a {type(op).__name__} has no integers.")


for kinds, function in (
    (WEIGHTED, accumulated),
    (MOVING, plain.moved),
    (ROUNDING, rounded),
    ((MaxPool, GlobalMaxPool), plain.pooled_maximum),
    ((AveragePool, GlobalAveragePool), plain.pooled_mean),
    ((Scale,), plain.scaled),
    ((Add, Subtract), plain.summed),
    ((Concat,), plain.joined),
):
    for kind in kinds:
        lowered.register(kind, function)  # type: ignore[call-overload]


def integer_network(
    graph: Graph, *, input_scale: float | None = None, input_shift: int = 0, input_bits: int = 8
) -> IntegerNetwork:
    """Return a quantized graph as integers alone.

    ``input_scale``, ``input_shift``: the integers fed are ``scale * x + shift``; by default ``x`` itself, or the codes
    of the grid that the network rounds its input to.  ``input_bits``: they are below ``2^bits``.  Activations without
    weights behind them, such as a softmax, are left out.  Raises `Incompatible` with every layer that has no integers:
    not quantized, of an unknown op, or with sums that 32 bits may not hold.
    """
    tail = host_tail(graph)
    issues: list[Issue] = []
    values: dict[str, Value] = {}
    layers = []
    for node in graph.verify():
        if node.name in tail or not all(name in values for name in node.inputs):
            continue
        try:
            if isinstance(node.op, Input):
                feed = feed_of(graph, input_scale, input_shift, input_bits)
                values[node.name] = feed.value
                continue
            layer = _layer(graph, node, tuple(values[name] for name in node.inputs))
        except Refusal as refusal:
            issues.append(Issue(node.name, refusal.problem, refusal.remedy))
            continue
        values[node.name] = layer.value
        layers.append(layer)
    outputs = tuple(_before_tail(graph, name, tail) for name in graph.outputs)
    if graph.source.name in outputs:
        issues.append(Issue(graph.source.name, "it is an output, and nothing computes it.", "Take it out."))
    if issues:
        raise Incompatible("integer", issues)
    most = max((len(layer.value.terms) for layer in layers), default=1)
    return IntegerNetwork(feed, graph.source.name, tuple(layers), outputs, max(1, part_size(graph, 8) // most))


def _layer(graph: Graph, node: Node, values: tuple[Value, ...]) -> IntegerLayer:
    if isinstance(node.op, WeightedOp) and "weight" not in node.formats:
        raise Refusal("its weights are not quantized.", "Quantize all layers: snntk.quantize.")
    place = Place(node, values, tuple(graph.shapes[name] for name in node.inputs), graph.shapes[node.name])
    value, kernel = lowered(node.op, place)
    return IntegerLayer(node.name, node.inputs, value, kernel)


def host_tail(graph: Graph) -> frozenset[str]:
    """Return the activations, not quantized, that nothing but such activations read: they follow the network."""
    tail: set[str] = set()
    for node in reversed(graph.nodes):
        host = isinstance(node.op, ActivationOp) and not isinstance(node.op, ROUNDING)
        if host and all(user.name in tail for user in graph.users(node.name)):
            tail.add(node.name)
    return frozenset(tail)


def _before_tail(graph: Graph, name: str, tail: frozenset[str]) -> str:
    while name in tail:
        (name,) = graph[name].inputs
    return name
