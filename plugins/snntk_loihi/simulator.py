"""The simulator loihi: what it takes, its options, and how a network becomes cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core import Capabilities, Graph, Runnable, Simulator, option
from snntk_core.errors import MissingLibrary
from snntk_core.stepped import checked_network
from snntk_loihi.environment import INSTALL, LIBRARY, interpreter
from snntk_loihi.rules import CAPABILITIES


@dataclass(frozen=True)
class LoihiSimulator(Simulator):
    """Runs a spiking network, rounded to what Loihi 1 holds, on the cores of nengo-loihi's emulator.

    The emulator needs numpy below 2, so it runs in an environment of its own, in a process of its own.
    """

    name: ClassVar[str] = "loihi"
    requires: ClassVar[tuple[str, ...]] = (LIBRARY,)
    install: ClassVar[str] = INSTALL
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    python: str = option("", "the Python that has nengo-loihi; empty takes SNNTK_LOIHI_PYTHON or the documented place")
    part: int = option(20, "how many samples go to an emulator at once")
    workers: int = option(1, "how many emulators share the samples of a batch, each in a process of its own")

    def __post_init__(self) -> None:
        if self.part < 1 or self.workers < 1:
            raise ValueError(f"part and workers take a count of at least 1, got {self.part} and {self.workers}")

    @classmethod
    def missing(cls) -> tuple[str, ...]:
        """Return nengo-loihi unless an environment with it is found; an instance's ``python`` is not looked at."""
        return () if interpreter() else (LIBRARY,)

    def compile(self, graph: Graph) -> Runnable:
        """Return the graph as a program.

        Raises `MissingLibrary` where no environment with nengo-loihi is found, `Incompatible` with every issue for a
        network that a core cannot hold, and `GraphError` for one that is not valid.
        """
        graph = checked_network(self.name, self.capabilities, graph)
        python = interpreter(self.python)
        if python is None:
            raise MissingLibrary(self.name, (LIBRARY,), INSTALL)
        from snntk_loihi.program import LoihiProgram

        return LoihiProgram(graph, python, self.part, self.workers)
