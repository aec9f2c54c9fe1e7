"""The Brian2 simulator: what it takes, and its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_brian2.capabilities import CAPABILITIES
from snntk_brian2.compiler import require_compiler
from snntk_core import Capabilities, Graph, Runnable, Simulator, option
from snntk_core.stepped import checked_network

Target = Literal["numpy", "cython", "cpp_standalone"]


@dataclass(frozen=True)
class Brian2Simulator(Simulator):
    """Runs a spiking network in Brian2, as equations and single synapses; a spike crosses it in one step."""

    name: ClassVar[str] = "brian2"
    requires: ClassVar[tuple[str, ...]] = ("brian2",)
    install: ClassVar[str] = 'pip install "snntk[brian2]"'
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    target: Target = option(
        "numpy", "what Brian2 generates code for; all but numpy need a C++ compiler and take long to begin"
    )
    dt: float = option(1.0, "how long a step lasts, in milliseconds; spikes do not depend on it")
    copies: int = option(0, "how many samples run side by side, as copies of the network; 0 chooses")

    def __post_init__(self) -> None:
        if self.dt <= 0:
            raise ValueError(f"dt takes milliseconds above zero, got {self.dt}")
        if self.copies < 0:
            raise ValueError(f"copies takes a count, or 0 to choose one, got {self.copies}")

    def compile(self, graph: Graph) -> Runnable:
        """Return the graph as a program.

        Raises `MissingLibrary` without Brian2, `OptionError` without the compiler that the target needs,
        `Incompatible` with every issue for a network that is not spiking or that holds what cannot be said here, and
        `GraphError` for one that is not valid.
        """
        self.require()
        require_compiler(self.name, self.target)
        graph = checked_network(self.name, self.capabilities, graph)
        from snntk_brian2.program import Brian2Program

        return Brian2Program(graph, self.target, self.copies, self.dt)
