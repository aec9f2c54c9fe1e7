"""Which nodes are meant by a layer's name or place."""

from __future__ import annotations

from collections.abc import Iterable

from snntk_core.errors import OptionError, did_you_mean
from snntk_core.graph import Graph
from snntk_core.ops import WeightedOp
from snntk_core.provenance import nodes_by_layer


def layers_called(graph: Graph, layer: object) -> tuple[str, ...]:
    """Return the nodes of a layer of the source, by its name or its place, or the node of that name.

    A graph that knows nothing of a source counts its nodes.  Raises `OptionError` for a layer that there is not.
    """
    made = nodes_by_layer(graph)
    if isinstance(layer, bool) or not isinstance(layer, str | int):
        raise OptionError([f"A layer is meant by its name or its place, got a {type(layer).__name__}."])
    if isinstance(layer, str):
        found = (layer,) if layer in graph else made.get(layer, ())
        if layer in made and layer in graph:
            found = tuple(dict.fromkeys((layer, *(name for name in made[layer] if graph[name].origin[:1] == (layer,)))))
        if not found:
            known = [*graph.layers, *(node.name for node in graph if node.name not in graph.layers)]
            gone = f" Nothing is left of the layer {layer!r} in this network." if layer in made else ""
            hint = gone or did_you_mean(layer, known)
            raise OptionError([f"There is no layer {layer!r}.{hint} Known: {', '.join(known)}."])
        return found
    names = tuple(graph.layers) or tuple(node.name for node in graph)
    if not -len(names) <= layer < len(names):
        raise OptionError([f"There is no layer {layer}: the network has {len(names)}, from 0 to {len(names) - 1}."])
    return layers_called(graph, names[layer])


def first_weighted(graph: Graph) -> frozenset[str]:
    """Return the first node with weights, and those of the same layer of the source."""
    weighted = [node for node in graph if isinstance(node.op, WeightedOp)]
    if not weighted:
        return frozenset()
    layer = weighted[0].origin[:1]
    return frozenset({weighted[0].name, *(node.name for node in weighted if layer and node.origin[:1] == layer)})


def leading_to(graph: Graph, names: Iterable[str]) -> set[str]:
    """Return the nodes that ``names`` depend on, themselves included."""
    found = set(names)
    for node in reversed(graph.nodes):
        if node.name in found:
            found.update(node.inputs)
    return found
