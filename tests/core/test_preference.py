"""Which simulator runs where none is named."""

from __future__ import annotations

import pytest

from snntk_core.capability import Capabilities
from snntk_core.catalog import Catalog
from snntk_core.errors import SnntkError
from snntk_core.graph import Graph
from snntk_core.simulator import Program, Simulator, preferred


def simulators(*claims: tuple[str, int, str, tuple[str, ...]]) -> Catalog[type[Simulator]]:
    """Return simulators by name, preference, clock, and the modules that they need."""
    catalog: Catalog[type[Simulator]] = Catalog("simulator")
    for title, rank, ticking, modules in claims:

        class Found(Simulator):
            name, preference, clock, requires = title, rank, ticking, modules
            capabilities = Capabilities(ops=frozenset())

            def compile(self, graph: Graph) -> Program:
                raise NotImplementedError

        catalog.claim(title, title, Found)
    return catalog


def test_the_highest_preference_of_those_installed_runs() -> None:
    plain, fast = ("plain", 1, "stepped", ()), ("fast", 2, "stepped", ())
    assert preferred(simulators(plain, fast)) == "fast"
    assert preferred(simulators(plain, ("fast", 2, "stepped", ("no_such_module",)))) == "plain"
    assert preferred(simulators(plain, ("writer", 3, "none", ()))) == "plain"


def test_equal_preferences_cancel_each_other() -> None:
    plain, fast, rival = ("plain", 1, "stepped", ()), ("fast", 2, "stepped", ()), ("rival", 2, "event", ())
    assert preferred(simulators(plain, fast, rival)) == "plain"


def test_only_by_name_unless_it_is_alone() -> None:
    one, other = ("one", 0, "stepped", ()), ("other", 0, "stepped", ())
    assert preferred(simulators(one)) == "one"
    assert preferred(simulators(one, ("plain", 1, "stepped", ()))) == "plain"
    for several in ((one, other), (one, ("a", 1, "stepped", ()), ("b", 1, "stepped", ())), ()):
        with pytest.raises(SnntkError, match="No simulator is preferred among"):
            preferred(simulators(*several))
