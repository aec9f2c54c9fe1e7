"""The networks of the kit for simulators whose neurons only reset to zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import IntegrateFire, SpikeSource
from snntk_core.simulator import Simulator
from snntk_core.unrolled import given


def resetting_to_zero(graph: Graph) -> Graph:
    """Return a spiking network whose neurons reset to zero, as a spike code may make them.

    Those that encode the input stay as they are: no spike code makes them.  A source with limits says that there are
    some.
    """
    limited = any(isinstance(node.op, SpikeSource) and node.op.largest is not None for node in graph)
    kept = {node.name for node in graph if limited and given(graph, node.name)}
    return replace(graph, nodes=tuple(node if node.name in kept else _resetting(node) for node in graph))


def fitted(simulator: type[Simulator], graph: Graph) -> Graph:
    """Return a network as it is, or with neurons that reset to zero where the simulator takes it only so."""
    changed = resetting_to_zero(graph)
    return changed if simulator.capabilities.check(graph) and not simulator.capabilities.check(changed) else graph


def taken_of(simulator: type[Simulator], graphs: Mapping[str, Graph]) -> dict[str, Graph]:
    """Return those networks that the simulator takes, see `fitted`."""
    fitting = {title: fitted(simulator, graph) for title, graph in graphs.items()}
    return {title: graph for title, graph in fitting.items() if not simulator.capabilities.check(graph)}


def _resetting(node: Node) -> Node:
    return replace(node, op=replace(node.op, reset="zero")) if isinstance(node.op, IntegrateFire) else node
