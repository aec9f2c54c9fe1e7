"""The integer network: a quantized network as integers alone, equal to its evaluation in exact arithmetic."""

from __future__ import annotations

from snntk_core import Simulator, hookimpl


@hookimpl
def snntk_simulators() -> list[type[Simulator]]:
    """Offer the integer simulator."""
    from snntk_integer.simulator import IntegerSimulator

    return [IntegerSimulator]
