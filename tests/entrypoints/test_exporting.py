"""Networks for simulators elsewhere: where files go, whatever their number, and who takes which kind of network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import snntk
from snntk_core import Artifact, Capabilities, Dense, Exportable, Graph, Input, Node, Relu, Simulator
from snntk_core.errors import ArtifactError, Incompatible, SnntkError


class Pages(Exportable):
    def __init__(self, graph: Graph, fails: bool) -> None:
        self.graph, self.fails = graph, fails

    def close(self) -> None:
        pass

    def export(self, directory: Path) -> Artifact:
        files = {"index.txt": str(self.graph), "nodes/count.txt": str(len(self.graph))}
        for name, text in files.items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_text(text)
            if self.fails:
                raise OSError(28, "No space left on device")
        digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
        return Artifact(directory, digests)


@dataclass(frozen=True)
class Book(Simulator):
    """Writes quantized networks as two pages."""

    name = "book"
    clock = "none"
    takes = "quantized"
    capabilities: ClassVar[Capabilities] = Capabilities(frozenset({Input, Dense}))
    fails: bool = False

    def compile(self, graph: Graph) -> Pages:
        return Pages(graph, self.fails)


@pytest.fixture
def graph() -> Graph:
    return Graph((Node("input", Input((3,))), Node("dense", Dense(np.eye(3)), ("input",))))


def test_several_files_go_to_a_folder(graph, tmp_path: Path) -> None:
    for target in ("book.txt", "deep/book"):
        artifact = snntk.export(graph, tmp_path / target, simulator=Book())
        assert artifact.directory == tmp_path / target
        assert sorted(artifact.files) == ["index.txt", "nodes/count.txt"]
        for name, digest in artifact.files.items():
            assert hashlib.sha256((artifact.directory / name).read_bytes()).hexdigest() == digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.txt", "deep"]


def test_a_failure_leaves_what_was_there(graph, tmp_path: Path) -> None:
    snntk.export(graph, tmp_path / "book", simulator=Book())
    before = (tmp_path / "book" / "index.txt").read_bytes()
    with pytest.raises(ArtifactError, match="book cannot be written: No space left on device"):
        snntk.export(graph.insert_after("dense", "more", Dense(np.eye(3))), tmp_path / "book", simulator=Book(True))
    assert (tmp_path / "book" / "index.txt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["book"]
    with pytest.raises(ArtifactError, match="cannot be written"):
        snntk.export(graph, tmp_path / "book" / "index.txt" / "inside", simulator=Book())


def test_who_takes_which_kind_of_network(graph, spiking, registry, tmp_path: Path) -> None:
    with pytest.raises(Incompatible, match="SpikeSource is not supported"):
        snntk.export(spiking, tmp_path / "b", simulator=Book(), registry=registry)
    with pytest.raises(Incompatible, match="relu: Relu is not supported"):
        snntk.export(graph.insert_after("dense", "relu", Relu()), tmp_path / "b", simulator=Book())
    with pytest.raises(SnntkError, match=r"numpy runs networks and writes none\. Simulators that write: none\."):
        snntk.export(spiking, tmp_path / "b", simulator="numpy", registry=registry)
    assert not (tmp_path / "b").exists()
