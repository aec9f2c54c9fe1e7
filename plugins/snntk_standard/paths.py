"""Paths through a graph on which a rewrite may change what is carried: nobody else reads it."""

from __future__ import annotations

from collections.abc import Callable

from snntk_core import Graph, Node


def only_user(graph: Graph, name: str) -> Node | None:
    """Return the one node that reads ``name``, once; None when there are several, or it is an output."""
    users = graph.users(name)
    if len(users) != 1 or name in graph.outputs or users[0].inputs.count(name) != 1:
        return None
    return users[0]


def path_above(graph: Graph, name: str, passes: Callable[[Node], bool]) -> tuple[Node, ...]:
    """Return the nodes above ``name``, nearest first, as long as each feeds only the next.

    The last one is the first that ``passes`` refuses; none are returned when a private path does not reach one.
    """
    path: list[Node] = []
    node = graph[name]
    while len(node.inputs) == 1 and only_user(graph, node.inputs[0]) is not None:
        node = graph[node.inputs[0]]
        path.append(node)
        if not passes(node):
            return tuple(path)
    return ()
