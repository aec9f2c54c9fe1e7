"""A network in blocks: runs of nodes with one value going in and one coming out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from snntk_core import ActivationOp, Graph, Input, LogSoftmax, Node, Softmax


@dataclass(frozen=True, eq=False)
class Block:
    """Nodes of a graph in order, the node whose value they read, and the ``layers`` among them that are quantized."""

    graph: Graph
    source: str
    nodes: tuple[Node, ...]
    layers: tuple[str, ...]

    @property
    def end(self) -> str:
        """The node whose value leaves the block."""
        return self.nodes[-1].name


def blocks(graph: Graph, layers: Collection[str], least: int) -> list[Block]:
    """Return the blocks of a graph in order; a block ends where only one value goes on, behind ``least`` layers.

    Activations belong to what they follow; a softmax at the end belongs to no block.  ``layers``: those that are
    quantized.  Blocks without any are left out.
    """
    found: list[Block] = []
    source, held = graph.source.name, [node for node in graph if not isinstance(node.op, Input)]
    start, index = 0, {node.name: place for place, node in enumerate(graph)}
    last = {name: index[node.name] for node in graph for name in node.inputs}
    for place, node in enumerate(held):
        here, inside = index[node.name], held[start : place + 1]
        own = tuple(other.name for other in inside if other.name in layers)
        following = held[place + 1].op if place + 1 < len(held) else None
        ends_here = following is None or isinstance(following, Softmax | LogSoftmax)
        goes_on = not isinstance(following, ActivationOp) and len(own) >= least
        alone = all(last.get(other.name, -1) <= here for other in graph.nodes[:here])
        if not alone or not (ends_here or goes_on):
            continue
        if own:
            found.append(Block(graph, source, tuple(inside), own))
        source, start = node.name, place + 1
    return found
