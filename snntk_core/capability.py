"""What a backend can take: one declaration that drives `snntk check`, the compliance kit and the support matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import AnalogOp, Input, Op, SpikeSource


@dataclass(frozen=True)
class Issue:
    """One thing a target cannot take: the node, the problem, and what to do.

    ``layers``: the layers of the source that the node stands for, where that is known.
    """

    node: str
    problem: str
    remedy: str = ""
    layers: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The node, and the layers it stands for where they have other names."""
        if self.layers in ((), (self.node,)):
            return self.node
        return f"{self.node} (layer {', '.join(map(repr, self.layers))})"

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" + (f" {self.remedy}" if self.remedy else "")


Rule = Callable[[Graph, Node], Iterator[Issue]]
"""A named function of a few lines whose docstring is the sentence shown to people."""


@dataclass(frozen=True)
class Capabilities:
    """The ops a backend runs, and the rules they must keep.  ``weight_bits`` and ``output_bits``: None for any.

    ``remedies``: what to do about an op that is not among them, where more can be said than to convert the network
    first or to choose another simulator.
    """

    ops: frozenset[type[Op]]
    weight_bits: range | None = None
    output_bits: range | None = None
    rules: tuple[Rule, ...] = ()
    remedies: Mapping[type[Op], str] = field(default_factory=dict, hash=False)

    def check(self, graph: Graph) -> tuple[Issue, ...]:
        """Return every issue of a graph, in its order."""
        issues: list[Issue] = []
        for node in graph:
            if type(node.op) not in self.ops:
                remedy = self.remedies.get(type(node.op)) or self._remedy(node.op)
                issues.append(Issue(node.name, f"{type(node.op).__name__} is not supported.", remedy))
                continue
            issues += self._bits(node)
            for rule in self.rules:
                issues += rule(graph, node)
        return tuple(issues)

    def _remedy(self, op: Op) -> str:
        """Return what to do about an op of which nothing more is known."""
        if isinstance(op, AnalogOp | Input) and SpikeSource in self.ops:
            return "Convert the network first."
        return "Take it out of the model, or choose a simulator that runs it: snntk check --for NAME."

    def _bits(self, node: Node) -> list[Issue]:
        allowed = {"weight": self.weight_bits, "output": self.output_bits}
        return [
            Issue(
                node.name,
                f"its {key} has {node.formats[key].bits} bits; {bits.start} to {bits.stop - 1} are taken.",
                "Quantize to as many.",
            )
            for key, bits in allowed.items()
            if bits is not None and key in node.formats and node.formats[key].bits not in bits
        ]
