"""The torch simulator: what it takes, and its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core import Capabilities, Graph, Runnable, Simulator, option
from snntk_core.stepped import EVERY_OP, checked_network


@dataclass(frozen=True)
class TorchSimulator(Simulator):
    """Runs a spiking network layer by layer in torch, all steps of a layer at once, on a CPU or a GPU."""

    name: ClassVar[str] = "torch"
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    install: ClassVar[str] = 'pip install "snntk[torch]"'
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = EVERY_OP

    device: Literal["auto", "cpu", "cuda"] = option("auto", "where to compute; auto takes a GPU where torch finds one")
    part: int = option(0, "how many samples run side by side; 0 chooses as many as keep memory small")
    chunk: int = option(0, "how many steps of a layer are computed at once; 0 chooses, with part")
    workers: int = option(0, "how many parts run at once on a CPU; 0 takes torch's number of threads")

    def __post_init__(self) -> None:
        if min(self.part, self.chunk, self.workers) < 0:
            raise ValueError("part, chunk and workers take a count, or 0 to choose one")

    def compile(self, graph: Graph) -> Runnable:
        """Return the graph as a program.

        Raises `MissingLibrary` without torch, `OptionError` for a GPU that torch does not find, `Incompatible` with
        every issue for a network that is not spiking or holds an op unknown here, and `GraphError` for one that is
        not valid.
        """
        self.require()
        graph = checked_network(self.name, self.capabilities, graph)
        from snntk_torchsim.program import Tiling, TorchProgram

        return TorchProgram(graph, self.device, Tiling(self.part, self.chunk, self.workers))
