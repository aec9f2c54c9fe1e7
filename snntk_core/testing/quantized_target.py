"""Checks of simulators and exporters that take quantized analog networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snntk_core.errors import Incompatible
from snntk_core.simulator import Simulator
from snntk_core.testing.outcome import Fault, configured, expect
from snntk_core.testing.random_graphs import random_graph
from snntk_core.testing.spiking_graphs import networks

SEEDS = range(16)
HINT = "Begin compile() with: issues = self.capabilities.check(graph), and raise Incompatible if there are any."


def check_issues_are_refused(simulator: type[Simulator]) -> None:
    """A network that check() finds issues with is refused by compile() with `Incompatible`, each issue by its node."""
    instance = configured(simulator)
    graphs = {f"random_graph(default_rng({seed}))": random_graph(np.random.default_rng(seed)) for seed in SEEDS}
    for title, graph in {**graphs, **networks()}.items():
        issues = simulator.capabilities.check(graph)
        strange = [issue.node for issue in issues if issue.node not in graph]
        expect(not strange, f"check() names {strange}, which are no nodes ({title}).", "Give Issue a node's name.")
        try:
            instance.compile(graph).close()
        except Incompatible as error:
            named = {issue.node for issue in issues} <= {issue.node for issue in error.issues}
            expect(named, f"compile() leaves out issues of check() ({title}).", HINT)
        except Exception as error:
            raise Fault(f"compile() raises {error!r} ({title}). {HINT}") from error
        else:
            expect(not issues, f"It compiles what check() refuses: {issues[:1]} ({title}).", HINT)


def check_spiking_networks_are_refused(simulator: type[Simulator]) -> None:
    """A spiking network is not what it takes, and check() says so."""
    for title, graph in networks().items():
        hint = "Leave SpikeSource and neurons out of its ops."
        expect(
            bool(simulator.capabilities.check(graph)), f"check() has no issue with a spiking network ({title}).", hint
        )


CHECKS: tuple[Callable[[type[Any]], None], ...] = (check_issues_are_refused, check_spiking_networks_are_refused)
