"""max-pool-before-concat: branches are pooled one by one, then joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from snntk_core import Concat, Context, GlobalMaxPool, Graph, MaxPool, Node, Preserves, Stage, Transform
from snntk_standard.paths import only_user


@dataclass(frozen=True)
class MaxPoolBeforeConcat(Transform):
    """Pool every input of a Concat instead of the joined channels: ``max(concat(x)) = concat(max(x))``.

    So branches of spikes are pooled as spikes, and a branch that holds the raw input as the constant it is.  Only where
    the Concat joins channels and feeds nothing but the pooling.
    """

    name: ClassVar[str] = "max-pool-before-concat"
    stage: ClassVar[Stage] = Stage.ADAPT
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with every max pooling of joined channels on the branches."""
        for node in graph:
            if isinstance(node.op, MaxPool | GlobalMaxPool) and _joins_channels(graph, node.inputs[0]):
                graph = _moved(graph, node.name)
        return graph


def _joins_channels(graph: Graph, name: str) -> bool:
    node = graph[name]
    rank = len(graph.shapes[name])
    alone = only_user(graph, name) is not None
    return isinstance(node.op, Concat) and node.op.axis % rank == rank - 1 and alone


def _moved(graph: Graph, name: str) -> Graph:
    """Return the graph with the pooling on each input of the Concat before it; the Concat takes its name."""
    pool, join = graph[name], graph[graph[name].inputs[0]]
    branches = {source: graph.free_name(f"{name}_{index}") for index, source in enumerate(join.inputs, 1)}
    nodes: list[Node] = []
    for node in graph:
        if node.name == join.name:
            continue
        if node.name == name:
            nodes += [Node(new, pool.op, (source,), origin=pool.origin) for source, new in branches.items()]
            rank = len(graph.shapes[name])
            nodes.append(replace(join, name=name, op=Concat(rank - 1), inputs=tuple(branches[i] for i in join.inputs)))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes)).verify()
