"""The Brian2 simulator: the network as equations, neurons and single synapses."""

from __future__ import annotations

from snntk_core import Simulator, hookimpl


@hookimpl
def snntk_simulators() -> list[type[Simulator]]:
    """Offer the Brian2 simulator."""
    from snntk_brian2.simulator import Brian2Simulator

    return [Brian2Simulator]
