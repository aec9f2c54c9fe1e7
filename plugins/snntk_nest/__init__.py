"""The NEST simulator: the network as NEST's own neurons, generators and single synapses."""

from __future__ import annotations

from snntk_core import Simulator, hookimpl


@hookimpl
def snntk_simulators() -> list[type[Simulator]]:
    """Offer the NEST simulator."""
    from snntk_nest.simulator import NestSimulator

    return [NestSimulator]
