"""Writing the integer network that a model for Akida's first version is built from."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from snntk_akida.builder import AkidaModel, build
from snntk_akida.capabilities import VERSION_1
from snntk_akida.lowering import Block, lower
from snntk_core import Artifact, Capabilities, Exportable, Graph, Input, Op, Simulator, option
from snntk_core.errors import Incompatible


@dataclass(frozen=True)
class AkidaExporter(Simulator):
    """Writes a quantized network as the integers of Akida's first version: codes, thresholds and steps.

    The folder gets ``layers.json`` and ``arrays.npz``, which need nothing of Akida's own library; ``fbz`` does.  Akida
    reads images with channels last: ``order`` says how to permute those of a model that has them first.
    """

    name: ClassVar[str] = "akida"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "none"
    takes: ClassVar[Literal["spiking", "quantized"]] = "quantized"
    capabilities: ClassVar[Capabilities] = VERSION_1

    input_scale: float = option(1.0, "the integers fed are input_scale * x + input_shift; 255 for images from 0 to 1")
    input_shift: int = option(0, "the integer that stands for an input of zero")
    fbz: bool = option(False, "write model.fbz too, with Akida's own library, which has to be installed")

    def __post_init__(self) -> None:
        if not self.input_scale > 0:
            raise ValueError(f"input_scale is above zero, got {self.input_scale}")

    def compile(self, graph: Graph) -> AkidaProgram:
        """Return the network in integers.

        Raises `Incompatible` with every issue for a network that breaks a rule of version 1, or overflows.
        """
        issues = self.capabilities.check(graph)
        if issues:
            raise Incompatible(self.name, issues)
        return AkidaProgram(graph, lower(graph.verify(), self.input_scale, self.input_shift), self.fbz)


class AkidaProgram(Exportable):
    """A network in integers; ``blocks`` are its layers in order."""

    def __init__(self, graph: Graph, blocks: Sequence[Block], fbz: bool = False) -> None:
        self.graph, self.blocks, self.fbz = graph, tuple(blocks), fbz

    def close(self) -> None:
        """Release nothing."""

    def build(self, until: str | None = None) -> AkidaModel:
        """Return the network as a model of Akida's library; see `build` of `snntk_akida.builder`."""
        return build(self.graph, self.blocks, until)

    def export(self, directory: Path) -> Artifact:
        """Write ``layers.json``, the layers in order with their attributes, and ``arrays.npz``, by layer and name.

        With ``fbz`` there is ``model.fbz`` too.
        """
        directory.mkdir(parents=True, exist_ok=True)
        arrays = {}
        for block in self.blocks:
            arrays |= {f"{block.name}/{name}/codes": codes for name, codes in block.codes.items()}
            arrays |= {f"{block.name}/threshold": block.threshold, f"{block.name}/act_step": block.act_step}
        layers = [_described(block) for block in self.blocks]
        source = self.graph.source.op
        order = list(source.order) if isinstance(source, Input) else []
        described = {"input": list(self.graph.input_shape), "order": order, "layers": layers}
        text = json.dumps(described, indent=2) + "\n"
        with tempfile.TemporaryDirectory(dir=directory) as folder:
            (Path(folder) / "layers.json").write_text(text, encoding="utf-8")
            np.savez(Path(folder) / "arrays.npz", **arrays)  # type: ignore[arg-type]
            if self.fbz:
                self.build().save(Path(folder) / "model.fbz")
            sums = {}
            for path in sorted(Path(folder).iterdir()):
                sums[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
                path.replace(directory / path.name)
        return Artifact(directory, sums)


def _described(block: Block) -> dict[str, Any]:
    ops = [{"name": name, "op": type(op).__name__, **_attributes(op)} for name, op in block.ops.items()]
    return {"name": block.name, "bits": block.bits, "padding": block.padding, "ops": ops}


def _attributes(op: Op) -> dict[str, Any]:
    """Return the fields of an op that are no arrays and not empty."""
    return {
        item.name: getattr(op, item.name)
        for item in fields(op)
        if not item.metadata.get("array") and getattr(op, item.name) not in ((), False)
    }
