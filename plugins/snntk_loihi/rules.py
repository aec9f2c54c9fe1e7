"""What Loihi and its emulator take of a spiking network, each rule with the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import numpy as np

from snntk_core import (
    Capabilities,
    Graph,
    IntegrateFire,
    Issue,
    Node,
    PoissonSpikes,
    Readout,
    SpikeSource,
    SpikingMaxPool,
)
from snntk_core.connectivity import multiply_accumulates
from snntk_core.errors import GraphError
from snntk_core.stepped import LINEAR, one_output, readout_is_the_end
from snntk_core.unrolled import given, plain_pools
from snntk_loihi.grid import Grid, between_neurons, grid_of
from snntk_loihi.limits import CORE, MOST_SYNAPSES, REFRACTORY, THRESHOLDS
from snntk_loihi.placement import placed

OPS = frozenset({*LINEAR, SpikeSource, PoissonSpikes, IntegrateFire, SpikingMaxPool, Readout})

TO_ZERO = "Convert with --set rate.reset=zero --set rate.threshold=8: the higher the threshold, the less is lost."

_COUNTED: WeakKeyDictionary[Graph, dict[str, int] | None] = WeakKeyDictionary()


def _on_cores(graph: Graph, node: Node) -> IntegrateFire | None:
    """Return the neurons of a node, but for those that encode the input: their spikes are given to the cores."""
    return node.op if isinstance(node.op, IntegrateFire) and not given(graph, node.name) else None


def reset_to_zero(graph: Graph, node: Node) -> Iterator[Issue]:
    """Neurons reset to zero: a compartment keeps nothing of what went beyond its threshold."""
    if (op := _on_cores(graph, node)) and op.reset != "zero":
        remedy = TO_ZERO
        yield Issue(node.name, "it resets by subtraction, and the emulator's compartments reset to zero.", remedy)


def no_leak(graph: Graph, node: Node) -> Iterator[Issue]:
    """Neurons do not leak: a decaying potential is rounded in every step, and no longer the reference's."""
    if (op := _on_cores(graph, node)) and op.leak:
        yield Issue(node.name, "it leaks, and Loihi rounds a decay in every step.", "Convert with --set rate.leak=0.")


def short_refractory(graph: Graph, node: Node) -> Iterator[Issue]:
    """A refractory period has at most 62 steps."""
    if (op := _on_cores(graph, node)) and op.refractory > REFRACTORY:
        problem = f"its refractory period is {op.refractory} steps; a core counts to {REFRACTORY}."
        yield Issue(node.name, problem, f"Convert with --set rate.refractory={REFRACTORY}, or less.")


def few_thresholds(graph: Graph, node: Node) -> Iterator[Issue]:
    """A layer has at most eight different thresholds."""
    if (op := _on_cores(graph, node)) and (count := len(np.unique(op.threshold))) > THRESHOLDS:
        problem = f"it has {count} different thresholds; a core holds {THRESHOLDS}."
        yield Issue(node.name, problem, "Convert with normalize-activations, which leaves one threshold.")


def few_synapses(graph: Graph, node: Node) -> Iterator[Issue]:
    """A network has at most 20 million synapses between its neurons, for each is listed."""
    counts = _counts(graph) or {}
    if sum(counts.values()) > MOST_SYNAPSES and node.name == max(counts, key=lambda name: counts[name]):
        problem = f"it has {counts[node.name]:,} synapses, the network {sum(counts.values()):,} between its neurons."
        yield Issue(node.name, problem, f"Run a network of at most {MOST_SYNAPSES:,}, or the simulator event.")


def one_grid(graph: Graph, node: Node) -> Iterator[Issue]:
    """Weights, thresholds and currents of a layer have a unit in common that 8-bit weights and 21-bit sums can hold."""
    grid = _grid(graph)
    if grid is None:
        return
    if node.name in grid.lost:
        problem = "all its weights are too small beside what the layer adds in a step, and none is left on the grid."
        yield Issue(node.name, problem, "Convert with normalize-activations and a smaller rate.threshold.")
    elif node.name in grid.unfit:
        problem = "its weights and thresholds have no unit in common that Loihi's numbers can hold."
        remedy = "Average over windows of 2, 4, 8, ... units, and fold layers without neurons between them into one."
        yield Issue(node.name, problem, remedy)


def fan_in_of_a_core(graph: Graph, node: Node) -> Iterator[Issue]:
    """A neuron receives spikes of at most 4096 others."""
    grid = _grid(graph)
    if grid is None or node.name not in grid.scale:
        return
    counts = sum(np.bincount(p.after, minlength=grid.network[node.name].inputs) for p in grid.network.into(node.name))
    largest = int(np.max(counts))
    if largest > CORE.axons:
        problem = f"a neuron receives spikes of {largest} others; a core has {CORE.axons} axons for what comes in."
        yield Issue(node.name, problem, "Pool more before it, or train with fewer connections.")


def fan_out_of_a_core(graph: Graph, node: Node) -> Iterator[Issue]:
    """A neuron's spikes go to at most 4096 cores."""
    grid = _grid(graph)
    if grid is not None and node.name in grid.scale and not grid.unfit:
        cores = max((stage.crowded.get(node.name, 0) for stage in placed(grid)), default=0)
        if cores:
            problem = f"a spike goes to {cores} cores; a core has {CORE.axons} axons for what goes out."
            yield Issue(node.name, problem, "Make the layer behind it smaller.")


def _grid(graph: Graph) -> Grid | None:
    """Return the grid of a graph that other rules take; None for one that is refused anyway."""
    counts = _counts(graph)
    return None if counts is None or sum(counts.values()) > MOST_SYNAPSES else grid_of(graph)


def _counts(graph: Graph) -> dict[str, int] | None:
    """Return how many synapses the ops between neurons have; None for a graph that other rules refuse."""
    if graph not in _COUNTED:
        _COUNTED[graph] = _counted(graph)
    return _COUNTED[graph]


def _counted(graph: Graph) -> dict[str, int] | None:
    first = (plain_pools, readout_is_the_end)
    try:
        known = graph.spiking and all(type(node.op) in OPS for node in graph.verify())
    except GraphError:
        return None
    if not known or any(True for rule in first for node in graph for _ in rule(graph, node)):
        return None
    between = between_neurons(graph)
    return {name: count for name, count in multiply_accumulates(graph).items() if name in between}


CAPABILITIES = Capabilities(
    ops=OPS,
    rules=(
        readout_is_the_end, one_output, plain_pools, reset_to_zero, no_leak, short_refractory, few_thresholds,
        few_synapses, one_grid, fan_in_of_a_core, fan_out_of_a_core,
    ),
)  # fmt: skip
