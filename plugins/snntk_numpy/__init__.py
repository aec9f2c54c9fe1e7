"""The numpy simulator: the clock-stepped, executable specification of every op of a spiking network."""

from __future__ import annotations

from snntk_core import Simulator, hookimpl


@hookimpl
def snntk_simulators() -> list[type[Simulator]]:
    """Offer the numpy simulator."""
    from snntk_numpy.simulator import NumpySimulator

    return [NumpySimulator]
