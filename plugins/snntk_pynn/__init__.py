"""Spiking networks in PyNN: run on Brian2 or NEST, or written as a script for machines that have something else."""

from __future__ import annotations

from snntk_core import Simulator, hookimpl


@hookimpl
def snntk_simulators() -> list[type[Simulator]]:
    """Offer the PyNN simulator and the writer of PyNN scripts."""
    from snntk_pynn.exporter import PynnScript
    from snntk_pynn.simulator import PynnSimulator

    return [PynnSimulator, PynnScript]
