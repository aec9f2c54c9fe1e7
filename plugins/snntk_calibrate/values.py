"""The values of a network on calibration samples, node by node, while its layers change."""

from __future__ import annotations

from snntk_core import Array, Graph, Input, Op, apply
from snntk_core.reference import as_batch, part_size

Parts = list[Array]
"""What a node puts out for all samples, part by part along the batch."""


class Values:
    """Evaluates a graph in its order and keeps what later nodes still read, for all samples at once."""

    def __init__(self, graph: Graph, samples: Array) -> None:
        batch = as_batch(graph, samples)
        step = part_size(graph, batch.itemsize)
        self.graph = graph
        self.batch = [batch[start : start + step] for start in range(0, len(batch), step)]
        self.place = {node.name: index for index, node in enumerate(graph)}
        self.last = {name: self.place[node.name] for node in graph for name in node.inputs}
        self.ops: dict[str, Op] = {}
        self.restart()

    def restart(self) -> None:
        """Begin at the input again."""
        self.held: dict[str, Parts] = {}
        self.next = 0

    def inputs(self, name: str) -> list[tuple[Array, ...]]:
        """Return the inputs of a node, part by part; the node itself is not evaluated yet."""
        if self.place[name] < self.next:
            self.restart()
        while self.next < self.place[name]:
            self.advance()
        return list(zip(*(self.held[source] for source in self.graph[name].inputs), strict=True))

    def outputs(self, name: str) -> Parts:
        """Return what a node puts out, part by part."""
        if self.place[name] < self.next and name not in self.held:
            self.restart()
        while name not in self.held:
            self.advance(keep=name)
        return self.held[name]

    def advance(self, keep: str = "") -> None:
        """Evaluate the next node, and keep the values of ``keep`` though nobody may read them."""
        node = self.graph.nodes[self.next]
        op = self.ops.get(node.name, node.op)
        if isinstance(op, Input):
            found = [apply(op, part) for part in self.batch]
        else:
            found = [apply(op, *parts) for parts in zip(*(self.held[name] for name in node.inputs), strict=True)]
        self.held[node.name] = found
        for name in {node.name, *node.inputs}:
            if name != keep and self.last.get(name, self.next) <= self.next:
                self.held.pop(name, None)
        self.next += 1

    def replace(self, name: str, op: Op) -> None:
        """Compute with another op at ``name`` from now on."""
        self.ops[name] = op
        if self.place[name] < self.next:
            self.restart()
