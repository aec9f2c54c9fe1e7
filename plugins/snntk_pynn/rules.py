"""What PyNN's standard neurons cannot do."""

from __future__ import annotations

from collections.abc import Iterator

from snntk_core import Graph, IntegrateFire, Issue, Node
from snntk_core.unrolled import given

WAITING = 31 / 32
TO_ZERO = (
    "Convert with --set rate.reset=zero --set rate.threshold=8: the higher the threshold, the less is lost; "
    "or run it on brian2 or nest."
)
CURRENTS = "The script has constant currents for input. Convert without an encoding, or use pynn."


def reset_to_zero(graph: Graph, node: Node) -> Iterator[Issue]:
    """PyNN's standard neurons reset to a potential: no neuron behind a synapse resets by subtraction."""
    if isinstance(node.op, IntegrateFire) and node.op.reset != "zero" and not given(graph, node.name):
        yield Issue(node.name, "resets by subtraction.", TO_ZERO)


def input_as_current(graph: Graph, node: Node) -> Iterator[Issue]:
    """A script has constant currents for input: no neuron that encodes it resets by subtraction."""
    if isinstance(node.op, IntegrateFire) and node.op.reset != "zero" and given(graph, node.name):
        problem = "encodes the input as spikes and resets by subtraction."
        yield Issue(node.name, problem, CURRENTS)


def neurons_without_leak(graph: Graph, node: Node) -> Iterator[Issue]:
    """Neurons in a script keep their potential."""
    if isinstance(node.op, IntegrateFire) and node.op.leak:
        problem = f"leaks {node.op.leak:g} of its potential in a step."
        yield Issue(node.name, problem, "Convert with --set rate.leak=0, or run it on pynn.")


def neurons_without_pause(graph: Graph, node: Node) -> Iterator[Issue]:
    """Neurons in a script never pause: backends differ in what becomes of spikes that arrive meanwhile."""
    if isinstance(node.op, IntegrateFire) and node.op.refractory:
        problem = f"pauses for {node.op.refractory} steps after a spike."
        yield Issue(node.name, problem, "Convert with --set rate.refractory=0, or run it on pynn.")


def starts_below_threshold(graph: Graph, node: Node) -> Iterator[Issue]:
    """Neurons in a script begin below 31/32 of their threshold: they wait for the layers before them."""
    op = node.op
    if isinstance(op, IntegrateFire) and (op.initial_potential >= op.threshold * WAITING).any():
        yield Issue(node.name, "begins at its threshold.", "Lower its initial potential.")
