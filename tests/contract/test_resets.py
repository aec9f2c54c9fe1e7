"""The kit gives its networks to a simulator as they are, or with neurons that reset to zero where it asks for that."""

from __future__ import annotations

from collections.abc import Iterator

from snntk_core import Capabilities, Graph, IntegrateFire, Issue, Node
from snntk_core.stepped import EVERY_OP
from snntk_core.testing.resets import fitted, resetting_to_zero, taken_of
from snntk_core.testing.spiking_graphs import networks, perceptron


def only_zero(graph: Graph, node: Node) -> Iterator[Issue]:
    """Neurons reset to zero."""
    if isinstance(node.op, IntegrateFire) and node.op.reset != "zero":
        yield Issue(node.name, "resets by subtraction.")


def nothing(graph: Graph, node: Node) -> Iterator[Issue]:
    """No node is taken."""
    yield Issue(node.name, "is not taken.")


class Everything:
    capabilities = EVERY_OP


class Zero:
    capabilities = Capabilities(EVERY_OP.ops, rules=(only_zero,))


class Nothing:
    capabilities = Capabilities(EVERY_OP.ops, rules=(nothing,))


def resets(graph: Graph) -> set[str]:
    return {node.op.reset for node in graph if isinstance(node.op, IntegrateFire)}


def test_networks_are_changed_only_for_those_who_take_no_other():
    graph = perceptron()
    assert fitted(Everything, graph) is graph
    assert fitted(Nothing, graph) is graph
    assert resets(graph) == {"subtract"}
    assert resets(fitted(Zero, graph)) == {"zero"}


def test_all_but_the_reset_stays():
    graph, changed = perceptron(), resetting_to_zero(perceptron())
    assert [node.name for node in changed] == [node.name for node in graph]
    assert changed.outputs == graph.outputs
    assert changed.verify().spiking


def test_those_taken_are_kept_by_name():
    assert set(taken_of(Zero, networks())) == set(networks())
    assert taken_of(Nothing, networks()) == {}
