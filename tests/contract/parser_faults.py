"""Components that break what parsers promise, one way each; with the check that must catch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sound_components as sound
from sound_components import mutant

from snntk_core import (
    Graph,
    Relu,
)


def parsing(change: Callable[[Graph], Graph]) -> Callable[[], Any]:
    """Return a parser whose graph is changed."""
    original = sound.LayerList.parse
    return lambda: mutant(sound.LayerList, parse=lambda self, model: change(original(self, model)))


def impure(self: Any, model: Any) -> Graph:
    graph = sound.LayerList.parse(self, model)
    model[0][0][0, 0] += 1
    return graph


def drawn(graph: Graph) -> Graph:
    return graph.rename("dense0", f"dense{np.random.default_rng().integers(1 << 30)}")


def raising(self: Any, source: Any) -> bool:
    return all(len(pair) == 2 for pair in source)


@dataclass(frozen=True, eq=False)
class Odd(Relu):
    """An op whose state is no field of numbers."""

    factor: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", object())


def transposed(graph: Graph) -> Graph:
    op = graph["dense0"].op
    return graph.replace("dense0", replace(op, weight=op.weight.T))


def invalid(graph: Graph) -> Graph:
    return replace(graph, nodes=tuple(reversed(graph.nodes)), outputs=graph.outputs)


FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_rejects_foreign_objects", lambda: mutant(sound.LayerList, accepts=lambda self, source: True)),
    ("check_rejects_foreign_objects", lambda: mutant(sound.LayerList, accepts=raising)),
    ("check_accepts_examples", lambda: mutant(sound.LayerList, accepts=lambda self, source: False)),
    ("check_parse_is_pure", lambda: mutant(sound.LayerList, parse=impure)),
    ("check_parse_is_pure", parsing(drawn)),
    ("check_graph_verifies", parsing(invalid)),
    ("check_agrees_with_predict", parsing(transposed)),
    ("check_agrees_with_predict", parsing(lambda graph: graph.bypass("relu0"))),
    ("check_agrees_with_predict", parsing(lambda graph: graph.bypass("relu1"))),
    ("check_names_are_readable", parsing(lambda graph: graph.rename("dense0", " "))),
    ("check_graph_survives_saving", parsing(lambda graph: graph.insert_after("relu1", "odd", Odd(3)))),
]
