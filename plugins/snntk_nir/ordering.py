"""The order in which the nodes of a NIR graph can be followed: edges are unordered pairs."""

from __future__ import annotations

from collections.abc import Mapping

from snntk_nir.reading import NirModel
from snntk_nir.refusal import Refused, printable


def predecessors(model: NirModel) -> Mapping[str, tuple[str, ...]]:
    """Return, for every node between input and output in an order that works, the nodes it reads, sorted by name.

    Raises `Refused` for loops and for graphs without exactly one input and one output.
    """
    for kind in ("Input", "Output"):
        count = sum(node["type"] == kind for node in model.nodes.values())
        if count != 1:
            raise Refused(f"it has {count} {kind} nodes, one is expected", f"give it one {kind}")
    reads: dict[str, list[str]] = {name: [] for name in model.nodes}
    users: dict[str, list[str]] = {name: [] for name in model.nodes}
    for before, after in model.edges:
        reads[after].append(before)
        users[before].append(after)
    waiting = {name: len(inputs) for name, inputs in reads.items()}
    ready = sorted((name for name, count in waiting.items() if not count), reverse=True)
    found: dict[str, tuple[str, ...]] = {}
    while ready:
        name = ready.pop()
        found[name] = tuple(sorted(reads[name]))
        for user in users[name]:
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    stuck = [name for name in model.nodes if name not in found]
    if stuck:
        names = ", ".join(map(printable, sorted(stuck)[:6]))
        problem = f"the nodes {names} are in a loop or behind one, and recurrent networks are not supported"
        raise Refused(problem, "give a network without recurrent edges")
    return found
