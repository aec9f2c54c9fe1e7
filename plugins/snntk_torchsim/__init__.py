"""The torch simulator: all steps of a layer at once, on a CPU or a GPU."""

from __future__ import annotations

from snntk_core import Simulator, hookimpl


@hookimpl
def snntk_simulators() -> list[type[Simulator]]:
    """Offer the torch simulator."""
    from snntk_torchsim.simulator import TorchSimulator

    return [TorchSimulator]
