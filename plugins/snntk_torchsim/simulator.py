"""The torch simulator: what it takes, and its options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from snntk_core import (
    Add,
    AveragePool,
    Capabilities,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    Identity,
    IntegrateFire,
    Issue,
    LinearOp,
    Node,
    Pad,
    Readout,
    Reshape,
    Runnable,
    Scale,
    Simulator,
    SpikeSource,
    SpikingMaxPool,
    Subtract,
    Transpose,
    Upsample,
    option,
)
from snntk_core.errors import Incompatible

LINEAR: tuple[type[LinearOp], ...] = (
    Add, AveragePool, Concat, Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, Flatten, GlobalAveragePool,
    Identity, Pad, Reshape, Scale, Subtract, Transpose, Upsample,
)  # fmt: skip


def readout_is_the_end(graph: Graph, node: Node) -> Iterator[Issue]:
    """Nothing reads a readout."""
    if isinstance(node.op, Readout) and graph.users(node.name):
        yield Issue(node.name, "something reads this readout, which never spikes.", "Make it the output.")


def one_output(graph: Graph, node: Node) -> Iterator[Issue]:
    """The network has one output."""
    if node.name in graph.outputs[1:]:
        yield Issue(node.name, "is a second output, and scores hold one.", "Concatenate the outputs or keep one.")


@dataclass(frozen=True)
class TorchSimulator(Simulator):
    """Runs a spiking network layer by layer in torch, all steps of a layer at once, on a CPU or a GPU."""

    name: ClassVar[str] = "torch"
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    install: ClassVar[str] = 'pip install "snntk[torch]"'
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = Capabilities(
        ops=frozenset({*LINEAR, SpikeSource, IntegrateFire, SpikingMaxPool, Readout}),
        rules=(readout_is_the_end, one_output),
    )

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
        issues = list(self.capabilities.check(graph))
        if not graph.spiking:
            issues.insert(0, Issue("the network", "it is not spiking.", "Convert it first."))
        if issues:
            raise Incompatible(self.name, issues)
        from snntk_torchsim.program import Tiling, TorchProgram

        return TorchProgram(graph.verify(), self.device, Tiling(self.part, self.chunk, self.workers))
