"""What the NEST simulator takes: the neurons that two of NEST's models are, and pools of their spikes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from snntk_core import Graph, IntegrateFire, Issue, Node, PoissonSpikes, SpikingMaxPool
from snntk_core.connectivity import steady
from snntk_core.stepped import EVERY_OP
from snntk_core.unrolled import plain_pools

TO_ZERO = "Set reset = 'zero', or simulate on numpy."


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
    if not isinstance(node.op, SpikingMaxPool) or node.name in steady(graph):
        return
    above = list(node.inputs)
    while above:
        read = graph[above.pop()]
        if not isinstance(read.op, IntegrateFire | PoissonSpikes | SpikingMaxPool):
            above += read.inputs
        elif isinstance(read.op, IntegrateFire) and np.any(read.op.spike < 0):
            problem = f"it pools {read.name}, whose spikes carry less than zero."
            yield Issue(node.name, problem, "Convert with average pooling.")


CAPABILITIES = replace(
    EVERY_OP,
    rules=(
        *EVERY_OP.rules, no_leak_with_subtraction, no_refractory_with_subtraction, plain_pools,
        pools_of_positive_spikes,
    ),
)  # fmt: skip
"""Every op of spiking networks; of neurons with reset by subtraction those without leak and refractory time."""
