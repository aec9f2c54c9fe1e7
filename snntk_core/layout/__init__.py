"""From channels first to channels last: one forward pass that removes the transposes a parser wrapped around layers.

Every op of snntk is channels-last by definition.  A parser for a channels-first library therefore wraps each op that
cares (`channels_first`), which gives a correct graph full of transposes.  `channels_last` takes them out again: each
old value is remembered as a *view* of a new one, an order of its axes or, once flattened, an order of its elements.
Ops that do not care carry the view along, a Dense after a Flatten gets its rows reordered, and only where neither is
possible a transpose is written out.  Data is permuted where it enters if that leaves fewer of them.
"""

from __future__ import annotations

from dataclasses import replace

from snntk_core.graph import Graph
from snntk_core.layout.placement import place
from snntk_core.layout.views import Rewrite
from snntk_core.node import Node
from snntk_core.ops import Op, Transpose
from snntk_core.shapes import Shape

__all__ = ["channels_first", "channels_last"]

ORDERS = 4  # of the data, tried where it enters


def channels_first(name: str, op: Op, input: str, rank: int) -> tuple[Node, Node, Node]:
    """Return ``op``, which is channels-last, as three nodes that take and give channels-first values.

    ``rank`` counts the spatial axes.  The middle node is called ``name`` and stays when `channels_last` removes the
    other two, so the layer keeps its name; whatever follows the layer reads the last of the three.
    """
    before, after = f"{name}_channels_last", f"{name}_channels_first"
    return (
        Node(before, Transpose((*range(1, rank + 1), 0)), (input,)),
        Node(name, op, (before,)),
        Node(after, Transpose((rank, *range(rank))), (name,)),
    )


def channels_last(graph: Graph) -> Graph:
    """Return a graph with the same output and without the transposes that no op needs; nodes keep their names.

    Batches stay in the model's own layout: `Input.order` permutes them.  Outputs keep the model's own layout too.
    Nodes no output depends on are dropped.  There are never more transposes than before.  Meant for a parsed graph,
    before quantization.
    """
    first = _rewritten(graph, ())
    rank = len(first.shapes[graph.source.name])
    orders = dict.fromkeys(node.op.order for node in first if isinstance(node.op, Transpose))
    others = [order for order in orders if len(order) == rank][:ORDERS]
    turned = (_rewritten(graph, order) for order in others)
    return min((first, *turned, graph.without_unused()), key=_transposes).verify()


def _rewritten(graph: Graph, order: Shape) -> Graph:
    """Rewrite the graph with data permuted by ``order`` where it enters."""
    rewrite = Rewrite(graph, order)
    for node in graph:
        rewrite.values[node.name] = place(node.op, node, rewrite)
    outputs = tuple(rewrite.plain(name) for name in graph.outputs)
    return replace(graph, nodes=tuple(rewrite.nodes), outputs=outputs).without_unused()


def _transposes(graph: Graph) -> int:
    return sum(isinstance(node.op, Transpose) for node in graph)
