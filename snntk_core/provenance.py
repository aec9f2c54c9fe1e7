"""What each layer of the source became, and which layers a node of the graph stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from snntk_core.capability import Issue
from snntk_core.errors import listed
from snntk_core.graph import Graph


def nodes_by_layer(graph: Graph) -> Mapping[str, tuple[str, ...]]:
    """Return for every layer of the source, in its order, the nodes that stand for it; none where none is left.

    A node that stands for several layers, such as weights with a normalization folded into them, is named with each.
    """
    found: dict[str, list[str]] = {layer: [] for layer in graph.layers}
    for node in graph:
        for layer in node.origin:
            found.setdefault(layer, []).append(node.name)
    return {layer: tuple(nodes) for layer, nodes in found.items()}


def formats_lost(step: str, before: Graph, after: Graph) -> str:
    """Return a sentence that names the nodes whose number formats ``step`` did not keep; empty where it kept all."""
    lost = [
        node.name
        for node in before
        if node.formats and (node.name not in after or not node.formats.keys() <= after[node.name].formats.keys())
    ]
    return f"{step} changed the values of {listed(lost)}, which have left their number formats." if lost else ""


def traced(graph: Graph, issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Return the issues with the layers of the source that their nodes stand for."""
    return tuple(
        replace(issue, layers=graph[issue.node].origin) if issue.node in graph and not issue.layers else issue
        for issue in issues
    )
