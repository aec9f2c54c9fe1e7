"""Loihi 1 in the emulator of nengo-loihi, which runs in an environment of its own."""

from __future__ import annotations

from snntk_core import Simulator, Transform, hookimpl


@hookimpl
def snntk_simulators() -> list[type[Simulator]]:
    """Offer the emulator."""
    from snntk_loihi.simulator import LoihiSimulator

    return [LoihiSimulator]


@hookimpl
def snntk_transforms() -> list[type[Transform]]:
    """Offer the rounding to what a core holds."""
    from snntk_loihi.transform import LoihiGrid

    return [LoihiGrid]
