"""Components that break what transforms promise, one way each; with the check that must catch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sound_components as sound
from parser_faults import invalid
from sound_components import mutant

from snntk_core import (
    Context,
    Graph,
    Identity,
    Issue,
    Node,
    Preserves,
    Scale,
    Stage,
)
from snntk_core.errors import Incompatible


def rewriting(change: Callable[[Graph, Context], Graph], **members: Any) -> Callable[[], Any]:
    """Return a transform that does ``change``."""
    return lambda: mutant(sound.DropIdentity, apply=lambda self, graph, context: change(graph, context), **members)


def first_weighted(graph: Graph) -> Node | None:
    return next((node for node in graph if "weight" in node.op.arrays), None)


def alter_in_place(graph: Graph, context: Context) -> Graph:
    node = first_weighted(graph)
    if node is not None:
        weight = node.op.weight
        weight.flags.writeable = True
        weight += 1
        weight.flags.writeable = False
    return graph


def scaled(graph: Graph, context: Context) -> Graph:
    return graph.insert_after(graph.outputs[0], graph.free_name("half"), Scale(np.float64(0.5)))


def doubled_once(graph: Graph, context: Context) -> Graph:
    return graph if "half" in graph else scaled(graph, context)


def negated_once(graph: Graph, context: Context) -> Graph:
    return graph if "minus" in graph else graph.insert_after(graph.outputs[0], "minus", Scale(np.float64(-1)))


def another_copy(graph: Graph, context: Context) -> Graph:
    return graph.insert_after(graph.outputs[0], graph.free_name("copy"), Identity())


def renamed_input(graph: Graph, context: Context) -> Graph:
    return graph if "data" in graph else graph.rename(graph.source.name, "data")


def refuse_vaguely(graph: Graph, context: Context) -> Graph:
    if len(graph) % 2:
        raise Incompatible("it", [Issue("somewhere", "something is wrong.")])
    return graph


def crash(graph: Graph, context: Context) -> Graph:
    if len(graph) % 2:
        raise KeyError("conv")
    return graph


def secretly_calibrated(graph: Graph, context: Context) -> Graph:
    assert context.calibration is not None
    return graph


def at_random(graph: Graph, context: Context) -> Graph:
    return another_copy(graph, context).rename("copy", f"copy{np.random.default_rng().integers(1 << 30)}")


FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_stage_declared", lambda: mutant(sound.DropIdentity, stage="simplify")),
    ("check_apply_is_pure", rewriting(alter_in_place)),
    ("check_apply_is_pure", rewriting(at_random)),
    ("check_leaves_graph_valid", rewriting(lambda graph, context: invalid(graph))),
    ("check_keeps_its_promise", rewriting(doubled_once)),
    ("check_keeps_its_promise", rewriting(negated_once, preserves=Preserves.SCALE)),
    ("check_twice_equals_once", rewriting(another_copy)),
    ("check_keeps_input", rewriting(renamed_input)),
    ("check_refuses_by_name", rewriting(refuse_vaguely)),
    ("check_refuses_by_name", rewriting(crash)),
    ("check_leaves_graph_valid", lambda: mutant(sound.DropIdentity, quick={"pace": 2})),
    ("check_declares_calibration", rewriting(secretly_calibrated)),
    ("check_makes_networks_spiking", rewriting(lambda graph, context: graph, stage=Stage.SPIKIFY)),
]
