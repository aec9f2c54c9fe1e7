"""A firing rate for a network with random weights: layer by layer, weights and biases are scaled until it is reached.

How long an engine takes depends on how much fires: trained networks fire at about a tenth, and a random one as its seed
has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

import snntk
from snntk_core import Array, Graph, IntegrateFire, Node, Readout, WeightedOp

SAMPLES = 4  # that rates are measured with
TRIES = 8  # runs for each layer
NEAR = 0.02  # of the rate that is asked for
LARGEST = 8.0  # times that one try changes weights, where next to nothing fires


def at_rate(graph: Graph, inputs: Array, rate: float, steps: int, rounded: Callable[[Graph], Graph]) -> Graph:
    """Return a spiking graph each of whose layers fires ``rate`` times a step, over all neurons and some inputs.

    ``rounded``: what is done to the graph afterwards, and so to what is measured.
    """
    for neuron in [node.name for node in graph if isinstance(node.op, IntegrateFire)]:
        driver = _driver(graph, neuron)
        for _ in range(TRIES):
            recording = snntk.simulate(rounded(_until(graph, neuron)), inputs[:SAMPLES], steps=steps)
            found = float(np.mean(recording.spike_counts[neuron])) / steps
            if driver is None or abs(found - rate) <= NEAR * rate:
                break
            graph = _scaled(graph, driver, float(np.clip(rate / max(found, 1e-9), 1 / LARGEST, LARGEST)))
    return graph


def _until(graph: Graph, neuron: str) -> Graph:
    """Return what decides how a neuron fires, and a readout of it."""
    needed = {neuron}
    for node in reversed(graph.nodes):
        needed.update(node.inputs if node.name in needed else ())
    nodes = tuple(node for node in graph if node.name in needed)
    return Graph((*nodes, Node("readout of rates", Readout(), (neuron,))))


def _driver(graph: Graph, name: str) -> str | None:
    """Return the weighted op whose output reaches a neuron; None where there is none or several things do."""
    while len(graph[name].inputs) == 1:
        name = graph[name].inputs[0]
        if isinstance(graph[name].op, WeightedOp):
            return name
    return None


def _scaled(graph: Graph, name: str, factor: float) -> Graph:
    def scaled(op: WeightedOp) -> WeightedOp:
        by = np.float32(factor)
        return replace(op, weight=op.weight * by, bias=None if op.bias is None else op.bias * by)

    nodes = (Node(n.name, scaled(n.op), n.inputs) if n.name == name else n for n in graph)
    return Graph(tuple(nodes), graph.outputs).verify()
