"""Neighbors in a graph: who reads a node alone, and two of them trading places."""

from __future__ import annotations

from dataclasses import replace

from snntk_core import Graph, Node


def alone_above(graph: Graph, name: str) -> Node | None:
    """Return the node that ``name`` reads, when ``name`` has one input and is all that reads it; else None."""
    node = graph[name]
    if len(node.inputs) != 1:
        return None
    (above,) = node.inputs
    return graph[above] if above not in graph.outputs and len(graph.users(above)) == 1 else None


def swapped(graph: Graph, name: str) -> Graph:
    """Return the graph in which ``name`` comes before the node that it alone reads; both keep name and formats."""
    lower = graph[name]
    upper = graph[lower.inputs[0]]
    nodes: list[Node] = []
    for node in graph:
        if node.name == upper.name:
            nodes += [replace(lower, inputs=upper.inputs), replace(upper, inputs=(name,))]
        elif node.name != name:
            inputs = tuple(upper.name if source == name else source for source in node.inputs)
            nodes.append(replace(node, inputs=inputs))
    outputs = tuple(upper.name if output == name else output for output in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)
