"""The NEST simulator: what it takes, and its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core import Capabilities, Graph, Runnable, Simulator, option
from snntk_core.stepped import checked_network
from snntk_nest.capabilities import CAPABILITIES

TICS = 1000  # of NEST's smallest unit of time in a millisecond
ROUNDING = 1e-6
MOST_THREADS, MOST_STEPS, MOST_SAMPLES = 512, 1000, 4096  # beyond, NEST's own tables fill the memory


@dataclass(frozen=True)
class NestSimulator(Simulator):
    """Runs a spiking network in NEST, each unit a neuron of NEST and each weight a synapse."""

    name: ClassVar[str] = "nest"
    requires: ClassVar[tuple[str, ...]] = ("nest",)
    install: ClassVar[str] = 'pip install "snntk[nest]"'
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    threads: int = option(1, "how many threads NEST computes on")
    resolution: float = option(1.0, "how long a step lasts, in milliseconds; spikes do not depend on it")
    delay: int = option(8, "how many steps a spike takes from layer to layer in NEST; recorded times do not count them")
    part: int = option(0, "how many samples run one after the other in one go; 0 chooses as memory allows")

    def __post_init__(self) -> None:
        for name, least, most in (("threads", 1, MOST_THREADS), ("delay", 1, MOST_STEPS), ("part", 0, MOST_SAMPLES)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} takes {least} to {most}, got {getattr(self, name)}")
        tics = self.resolution * TICS
        if not 1 <= tics <= TICS**2 or abs(tics - round(tics)) > ROUNDING:
            raise ValueError(f"resolution takes multiples of 0.001 ms up to one second, got {self.resolution}")

    def compile(self, graph: Graph) -> Runnable:
        """Return the graph as a program, built in NEST's kernel.

        Raises `MissingLibrary` without NEST, `SnntkError` where the kernel holds a network that is not of this
        simulator, `Incompatible` with every issue for a network that is not spiking or that holds what cannot be said
        here, and `GraphError` for one that is not valid.
        """
        self.require()
        graph = checked_network(self.name, self.capabilities, graph)
        from snntk_nest.kernel import Kernel
        from snntk_nest.program import NestProgram

        return NestProgram(graph, Kernel(self.threads, self.resolution), self.delay, self.part)
