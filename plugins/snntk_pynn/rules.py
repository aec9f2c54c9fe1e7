"""What PyNN's standard neurons cannot do."""

from __future__ import annotations

from collections.abc import Iterator

from snntk_core import Graph, IntegrateFire, Issue, Node


def reset_to_zero(graph: Graph, node: Node) -> Iterator[Issue]:
    """PyNN's standard neurons reset to a potential: no neuron resets by subtraction."""
    if isinstance(node.op, IntegrateFire) and node.op.reset != "zero":
        remedy = "Convert with reset = 'zero', or run it on the simulators brian2 or nest."
        yield Issue(node.name, "resets by subtraction.", remedy)
