"""Targets of quantized networks that break what they promise, one way each; with the check that must catch it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sound_components as sound
from sound_components import mutant

from snntk_core import Capabilities, Graph, Issue, Node, WeightedOp
from snntk_core.errors import Incompatible

OPS = sound.PlainTarget.capabilities.ops


def taking_all(self: Any, graph: Graph) -> Any:
    return sound.PlainProgram(graph)


def forgetting_the_last(self: Any, graph: Graph) -> Any:
    issues = self.capabilities.check(graph)
    if issues:
        raise Incompatible(self.name, issues[:-1] or [Issue("network", "no")])
    return sound.PlainProgram(graph)


def raising_another_error(self: Any, graph: Graph) -> Any:
    raise KeyError(graph.outputs[0])


def naming_no_node(graph: Graph, node: Node) -> Any:
    if isinstance(node.op, WeightedOp):
        yield Issue("somewhere", "wrong")


FAULTS = [
    ("check_issues_are_refused", lambda: mutant(sound.PlainTarget, compile=taking_all)),
    ("check_issues_are_refused", lambda: mutant(sound.PlainTarget, compile=forgetting_the_last)),
    ("check_issues_are_refused", lambda: mutant(sound.PlainTarget, compile=raising_another_error)),
    (
        "check_issues_are_refused",
        lambda: mutant(sound.PlainTarget, capabilities=Capabilities(OPS, rules=(naming_no_node,))),
    ),
    (
        "check_spiking_networks_are_refused",
        lambda: mutant(sound.PlainTarget, capabilities=replace(sound.PlainSimulator.capabilities)),
    ),
]
