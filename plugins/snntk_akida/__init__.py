"""Akida, version 1: what it takes, and the integer network that a model for it is built from."""

from __future__ import annotations

from collections.abc import Iterable

from snntk_akida.exporter import AkidaExporter
from snntk_akida.simulator import Akida1Simulator
from snntk_core import Simulator, hookimpl

__all__ = ["Akida1Simulator", "AkidaExporter"]


@hookimpl
def snntk_simulators() -> Iterable[type[Simulator]]:
    """Offer the exporter and the simulator."""
    return AkidaExporter, Akida1Simulator
