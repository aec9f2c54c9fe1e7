"""A graph in a file is the graph, to the last bit.  What hostile files do is in the tests of `snntk.open`."""

import json
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from snntk_core import Dense, Graph, Input, Node, NumberFormat, evaluate
from snntk_core.artifact import load_graph, save_graph
from snntk_core.errors import ArtifactError, GraphError
from snntk_core.testing import random_batch, random_graph


def same(first: object, second: object) -> bool:
    """Whether two ops or formats hold equal values of equal types."""
    if isinstance(first, np.ndarray):
        return isinstance(second, np.ndarray) and first.dtype == second.dtype and np.array_equal(first, second)
    return first == second and type(first) is type(second)


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_come_back_equal_and_give_the_same_bytes(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    path = save_graph(graph, tmp_path / "a.snntk")
    again = load_graph(path)
    assert str(again) == str(graph)
    assert again.outputs == graph.outputs
    for before, after in zip(graph, again, strict=True):
        assert type(before.op) is type(after.op)
        for field in fields(before.op):
            assert same(getattr(before.op, field.name), getattr(after.op, field.name)), (before.name, field.name)
    batch = random_batch(rng, graph)
    np.testing.assert_array_equal(evaluate(graph, batch), evaluate(again, batch))
    assert save_graph(again, tmp_path / "b.snntk").read_bytes() == path.read_bytes()


def quantized() -> Graph:
    number_format = NumberFormat(4, np.array([0.5, 0.25]), axis=1)
    weight = number_format.round(np.random.default_rng(0).normal(size=(3, 2)))
    node = Node("dense", Dense(weight), ("input",), {"weight": number_format})
    return Graph((Node("input", Input((3,))), node), meta={"source": "here"})


def test_formats_and_provenance_are_kept(tmp_path: Path) -> None:
    again = load_graph(save_graph(quantized(), tmp_path / "q.snntk"))
    number_format = again["dense"].formats["weight"]
    assert (number_format.bits, number_format.axis, number_format.signed) == (4, 1, True)
    np.testing.assert_array_equal(number_format.scale, [0.5, 0.25])
    assert dict(again.meta) == {"source": "here"}


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_graph(quantized(), tmp_path / "q.snntk")
    before = path.read_bytes()
    with pytest.raises(GraphError):
        save_graph(Graph((Node("input", Input((3,))), Node("dense", Dense(np.eye(3)), ("nobody",)))), path)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_graph(quantized(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["q.snntk"]
    assert path.read_bytes() == before


def test_a_later_version_says_to_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snntk_core.artifact.VERSION", 7)
    path = save_graph(quantized(), tmp_path / "q.snntk")
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match=r"has version 7 of the format, this snntk reads 1\. Update snntk"):
        load_graph(path)


@pytest.mark.parametrize("header", [b"{'descr': '<f4', (", b"{'descr': '<f4', 'a\xff\n\x1b': 1}", b"(" * 110])
def test_headers_that_numpy_cannot_read_give_one_sentence(tmp_path: Path, header: bytes) -> None:
    save_graph(quantized(), tmp_path / "a.snntk")
    with zipfile.ZipFile(tmp_path / "a.snntk") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["arrays/0.npy"] = b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(118)
    with zipfile.ZipFile(tmp_path / "a.snntk", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(ArtifactError, match=r"arrays/0.npy is no array of numbers \(.*\)\.$") as caught:
        load_graph(tmp_path / "a.snntk")
    assert str(caught.value).isprintable()


def test_a_graph_with_many_faults_gives_a_short_sentence(tmp_path: Path) -> None:
    save_graph(quantized(), tmp_path / "a.snntk")
    with zipfile.ZipFile(tmp_path / "a.snntk") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts["graph.json"])
    manifest["nodes"] += [manifest["nodes"][-1]] * 1000
    with zipfile.ZipFile(tmp_path / "a.snntk", "w") as archive:
        for name, content in {**parts, "graph.json": json.dumps(manifest)}.items():
            archive.writestr(name, content)
    with pytest.raises(ArtifactError, match=r"used twice.*and more\.$") as caught:
        load_graph(tmp_path / "a.snntk")
    assert len(str(caught.value)) < 2000


def test_a_member_of_another_name_gives_a_short_sentence(tmp_path: Path) -> None:
    save_graph(quantized(), tmp_path / "a.snntk")
    content = (tmp_path / "a.snntk").read_bytes()
    (tmp_path / "a.snntk").write_bytes(content[:26] + b"\xff\x1f" + content[28:])
    with pytest.raises(ArtifactError) as caught:
        load_graph(tmp_path / "a.snntk")
    assert len(str(caught.value)) < 1000
