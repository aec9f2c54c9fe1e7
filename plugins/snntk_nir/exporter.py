"""Writing a spiking network as a NIR file, for the simulators and chips that read it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from snntk_core import Artifact, Capabilities, Exportable, Graph, Issue, Node, Simulator, option
from snntk_core.errors import Incompatible
from snntk_core.ops import (
    AveragePool,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    IntegrateFire,
    Pad,
    PoissonSpikes,
    Readout,
    Reshape,
    Scale,
    SpikingMaxPool,
    Transpose,
    Upsample,
)
from snntk_core.shapes import resolve_padding
from snntk_nir.writing import BUILDERS, as_nir

FILE = "net.nir"


def neurons_without_pause(graph: Graph, node: Node) -> Iterator[Issue]:
    """NIR has no refractory neurons."""
    if isinstance(node.op, IntegrateFire) and node.op.refractory:
        yield Issue(node.name, f"pauses for {node.op.refractory} steps after a spike.", "Set refractory to 0.")


def plain_windows(graph: Graph, node: Node) -> Iterator[Issue]:
    """NIR pools over two axes, with as much padding before as after, all of it counted, and no window hanging over."""
    op = node.op
    if isinstance(op, GlobalAveragePool) and len(graph.shapes[node.inputs[0]]) != 3:
        yield Issue(node.name, "averages over one axis.", "Reshape it to two.")
    if not isinstance(op, AveragePool):
        return
    if len(op.kernel) != 2:
        yield Issue(node.name, "pools over one axis.", "Use a convolution with equal weights.")
        return
    lengths, strides = graph.shapes[node.inputs[0]][:-1], op.strides or op.kernel
    pads = resolve_padding(op.padding, lengths, op.kernel, strides, (1, 1))
    if op.ceil_mode or any(before != after for before, after in pads):
        yield Issue(node.name, "has windows that hang over one side.", "Pad or crop its input evenly.")
    elif any(before for before, _ in pads) and not op.count_include_pad:
        yield Issue(node.name, "leaves its padding out of the mean.", "Pool without padding, or count it.")


def even_padding(graph: Graph, node: Node) -> Iterator[Issue]:
    """NIR pads as much before as after; zero taps make up the difference unless the kernel is dilated."""
    op = node.op
    if isinstance(op, Dense) and len(graph.shapes[node.inputs[0]]) > 3:
        yield Issue(node.name, "is a Dense layer on more than three axes.", "Flatten its input.")
    if isinstance(op, Conv1D | Conv2D | DepthwiseConv2D) and max(op.dilation, default=1) > 1:
        rank = 1 if isinstance(op, Conv1D) else 2
        lengths, strides = graph.shapes[node.inputs[0]][:-1], op.strides or (1,) * rank
        pads = resolve_padding(op.padding, lengths, op.weight.shape[:rank], strides, op.dilation)
        if any(before != after for before, after in pads):
            yield Issue(node.name, f"pads unevenly {pads} with a dilated kernel.", "Pad evenly.")


def square_kernels(graph: Graph, node: Node) -> Iterator[Issue]:
    """A kernel is as wide as it is high, for nir's check of types; zero taps make up an even difference."""
    if not isinstance(node.op, Conv2D | DepthwiseConv2D):
        return
    op, lengths = node.op, graph.shapes[node.inputs[0]][:-1]
    strides, dilation = op.strides or (1, 1), op.dilation or (1, 1)
    pads = resolve_padding(op.padding, lengths, op.weight.shape[:2], strides, dilation)
    height, width = (
        taps + abs(after - before) for taps, (before, after) in zip(op.weight.shape[:2], pads, strict=True)
    )
    if height != width and ((height - width) % 2 or max(dilation) > 1):
        yield Issue(node.name, f"has a kernel of {height} by {width} taps.", "Make it square with zeros.")


def scales_without_offset(graph: Graph, node: Node) -> Iterator[Issue]:
    """NIR's Scale has no offset."""
    if isinstance(node.op, Scale) and node.op.offset is not None:
        yield Issue(node.name, "adds a constant.", "Fold it into a bias with fold-constant-scale.")


def one_readout(graph: Graph, node: Node) -> Iterator[Issue]:
    """One output, which nothing reads."""
    if node.name in graph.outputs[1:]:
        yield Issue(node.name, "is a second output.", "Keep one.")
    if isinstance(node.op, Readout) and graph.users(node.name):
        yield Issue(node.name, "something reads this readout, which never spikes.", "Make it the output.")


@dataclass(frozen=True)
class NirExporter(Simulator):
    """Writes a spiking network as a NIR file, which simulators and neuromorphic chips read.

    NIR does not say how a spike resets, where potentials begin, or how many steps to run; these go into its metadata.
    """

    name: ClassVar[str] = "nir"
    requires: ClassVar[tuple[str, ...]] = ("nir", "h5py")
    install: ClassVar[str] = 'pip install "snntk[nir]"'
    clock: ClassVar[Literal["stepped", "event", "none"]] = "none"
    capabilities: ClassVar[Capabilities] = Capabilities(
        ops=frozenset(BUILDERS),
        rules=(neurons_without_pause, plain_windows, even_padding, square_kernels, scales_without_offset, one_readout),
        remedies={
            SpikingMaxPool: "Convert it with a recipe that has max-to-average-pool, or train with average pooling.",
            Concat: "Train a network whose branches are added, or without branches.",
            PoissonSpikes: "NIR draws nothing at random; convert with the encoding regular, or with a current.",
            Upsample: "NIR has nothing that enlarges an image; train without it.",
            ConvTranspose2D: "NIR has nothing that enlarges an image; train without it.",
            Reshape: "Use a Flatten.",
            Transpose: "Train a network that leaves the order of its axes as it is.",
            Pad: "Pad in the convolution or the pooling behind it.",
        },
    )

    dt: float = option(1.0, "how long a step is, in the unit in which NIR's time constants are read")
    steps: int = option(0, "how many steps the network is meant to run, for its metadata; 0: what its conversion says")

    def __post_init__(self) -> None:
        if not self.dt > 0 or self.steps < 0:
            raise ValueError(f"dt is above zero and steps are counted, got {self.dt} and {self.steps}")

    def compile(self, graph: Graph) -> NirProgram:
        """Return the graph ready to be written.

        Raises `Incompatible` with every issue for what NIR cannot hold, and `GraphError` for a graph that is not valid.
        """
        issues = list(self.capabilities.check(graph))
        if not graph.spiking:
            issues.insert(0, Issue("the network", "it is not spiking.", "Convert it first."))
        if issues:
            raise Incompatible(self.name, issues)
        self.require()
        said = graph.meta.get("steps", "")
        steps = self.steps or (int(said) if said.isdigit() else 0)
        return NirProgram(graph.verify(), self.dt, steps or None)


class NirProgram(Exportable):
    """A spiking graph that NIR can hold."""

    def __init__(self, graph: Graph, dt: float, steps: int | None) -> None:
        self.graph, self.dt, self.steps = graph, dt, steps

    def close(self) -> None:
        """Release nothing: there is no device."""

    def export(self, directory: Path) -> Artifact:
        """Write ``net.nir`` under a temporary name that is renamed at the end, and return its manifest."""
        import nir

        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=f".{FILE}.")
        os.close(handle)
        try:
            nir.write(temporary, as_nir(self.graph, self.dt, self.steps))
            Path(temporary).chmod(0o644)
            Path(temporary).replace(directory / FILE)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return Artifact(directory, {FILE: hashlib.sha256((directory / FILE).read_bytes()).hexdigest()})
