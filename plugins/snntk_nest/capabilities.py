"""What the NEST simulator takes: the neurons that two of NEST's models are, and pools of their spikes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from snntk_core import Graph, IntegrateFire, Issue, Node, PoissonSpikes, SpikingMaxPool
from snntk_core.connectivity import steady
from snntk_core.stepped import EVERY_OP
from snntk_core.unrolled import plain_pools

NO_POOL = "Convert with average pooling."
TO_ZERO = (
    "Convert with --set rate.reset=zero --set rate.threshold=8: the higher the threshold, the less is lost; "
    "or simulate on numpy."
)


def no_leak_with_subtraction(graph: Graph, node: Node) -> Iterator[Issue]:
    """Neurons with a leak reset to zero."""
    if isinstance(node.op, IntegrateFire) and node.op.leak and node.op.reset == "subtract":
        yield Issue(node.name, "it leaks and resets by subtraction: NEST's neuron subtracts after the leak.", TO_ZERO)


def no_refractory_with_subtraction(graph: Graph, node: Node) -> Iterator[Issue]:
    """Refractory neurons reset to zero."""
    if isinstance(node.op, IntegrateFire) and node.op.refractory and node.op.reset == "subtract":
        problem = "it is refractory and resets by subtraction: NEST's neuron integrates while it is refractory."
        yield Issue(node.name, problem, TO_ZERO)


def pools_of_positive_spikes(graph: Graph, node: Node) -> Iterator[Issue]:
    """A spiking max pool reads spikes that carry no less than zero."""
    for read in _pooled_by(graph, node):
        op = graph[read].op
        if isinstance(op, IntegrateFire) and np.any(op.spike < 0):
            yield Issue(node.name, f"it pools {read}, whose spikes carry less than zero.", NO_POOL)


def pools_without_current(graph: Graph, node: Node) -> Iterator[Issue]:
    """A spiking max pool reads spikes alone, nothing that comes from the input without passing a neuron."""
    constant = steady(graph)
    for read in _pooled_by(graph, node):
        if read in constant:
            yield Issue(node.name, f"it pools {read}, which is current, together with spikes.", NO_POOL)


def _pooled_by(graph: Graph, node: Node) -> Iterator[str]:
    """Yield the nodes whose units a spiking max pool reads one by one, through whatever joins them."""
    constant = steady(graph)
    above = list(node.inputs) if isinstance(node.op, SpikingMaxPool) and node.name not in constant else []
    while above:
        read = graph[above.pop()]
        if read.name in constant or isinstance(read.op, IntegrateFire | PoissonSpikes | SpikingMaxPool):
            yield read.name
        else:
            above += read.inputs


CAPABILITIES = replace(
    EVERY_OP,
    rules=(
        *EVERY_OP.rules, no_leak_with_subtraction, no_refractory_with_subtraction, plain_pools,
        pools_of_positive_spikes, pools_without_current,
    ),
)  # fmt: skip
"""Every op of spiking networks; of neurons with reset by subtraction those without leak and refractory time."""
