"""What the Brian2 simulator takes: every op of spiking networks, and pools of what it can count spikes of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from snntk_brian2.equations import MOST_TAPS
from snntk_core import Graph, IntegrateFire, Issue, Node, PoissonSpikes, SpikingMaxPool
from snntk_core.connectivity import steady
from snntk_core.shapes import size
from snntk_core.stepped import EVERY_OP
from snntk_core.unrolled import plain_pools

NO_POOL = "Convert with average pooling."


def pools_without_constants(graph: Graph, node: Node) -> Iterator[Issue]:
    """A spiking max pool reads spikes alone, nothing that comes from the input without passing a neuron."""
    if not isinstance(node.op, SpikingMaxPool) or not node.inputs or node.name in steady(graph):
        return
    constant = steady(graph)
    for read in sorted(_joined(graph, node.inputs[0])):
        if read in constant:
            yield Issue(node.name, f"it pools {read}, which is current, together with spikes.", NO_POOL)


def pools_of_positive_spikes(graph: Graph, node: Node) -> Iterator[Issue]:
    """A spiking max pool reads spikes that carry no less than zero."""
    if not isinstance(node.op, SpikingMaxPool) or node.name in steady(graph):
        return
    for read in sorted(_joined(graph, node.inputs[0])):
        op = graph[read].op
        if isinstance(op, IntegrateFire) and np.any(op.spike < 0):
            yield Issue(node.name, f"it pools {read}, whose spikes carry less than zero.", NO_POOL)


def gates_of_few_places(graph: Graph, node: Node) -> Iterator[Issue]:
    """The window of a spiking max pool with the rule gate has at most 52 places."""
    if isinstance(node.op, SpikingMaxPool) and node.op.rule == "gate" and size(node.op.kernel) > MOST_TAPS:
        problem = f"its windows have {size(node.op.kernel)} places; with the rule gate {MOST_TAPS} can be told apart."
        yield Issue(node.name, problem, "Use the rule count, or convert with average pooling.")


def _joined(graph: Graph, name: str) -> set[str]:
    """Return the nodes whose units a pool reads, through whatever joins or changes them on the way."""
    found: set[str] = set()
    above, seen, constant = [name], {name}, steady(graph)
    while above:
        node = graph[above.pop()]
        if isinstance(node.op, IntegrateFire | PoissonSpikes | SpikingMaxPool) or node.name in constant:
            found.add(node.name)
            continue
        above += [read for read in node.inputs if read not in seen]
        seen.update(node.inputs)
    return found


CAPABILITIES = replace(
    EVERY_OP,
    rules=(*EVERY_OP.rules, plain_pools, pools_without_constants, pools_of_positive_spikes, gates_of_few_places),
)
