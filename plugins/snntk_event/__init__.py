"""The event engine: a clock-stepped simulator that computes only where spikes are, in compiled loops."""

from __future__ import annotations

from snntk_core import Simulator, hookimpl


@hookimpl
def snntk_simulators() -> list[type[Simulator]]:
    """Offer the event engine."""
    from snntk_event.simulator import EventSimulator

    return [EventSimulator]
