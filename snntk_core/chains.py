"""The branches of a network as chains of nodes."""

from __future__ import annotations

from snntk_core.graph import Graph


def chains(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Return the nodes in chains, in the order of the graph.

    In a chain each node is all that reads the one before it, and reads nothing else.  So a chain ends at a fork, at an
    output, and before a node that joins branches.  A network without branches is one chain.
    """
    found: list[list[str]] = []
    chain_of: dict[str, list[str]] = {}
    for node in graph:
        above = node.inputs[0] if len(node.inputs) == 1 else ""
        if above and above not in graph.outputs and len(graph.users(above)) == 1:
            chain = chain_of[above]
        else:
            found.append(chain := [])
        chain.append(node.name)
        chain_of[node.name] = chain
    return tuple(map(tuple, found))
