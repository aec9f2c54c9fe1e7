"""Whatever a saved file says in a field, it is refused in one sentence, or the network computes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snntk_core import (
    Add,
    AveragePool,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Graph,
    Input,
    IntegrateFire,
    Node,
    NumberFormat,
    Readout,
    Softmax,
    SpikeSource,
    evaluate,
)
from snntk_core.artifact import load_graph, save_graph
from snntk_core.errors import ArtifactError, GraphError
from snntk_core.ops import Op
from snntk_core.testing import random_graph
from snntk_core.testing.stepped_reference import simulate_plainly

PYTHON = ("TypeError", "KeyError", "ZeroDiv", "not supported", "NoneType", "zip()", "__init__", "ValueError", "Index")
WORTHLESS: tuple[Any, ...] = (
    0, -1, 1.5, 2.0, 1 << 31, 1 << 40, 10**400, float("nan"), float("inf"), "x", "", None, True, [], {},
    [0], [0, 0], [1, 2, 3], [1.0, 1.0], [-1, -1], [1 << 31, 1 << 31], [None], ["x"], [[]],
    [[1, 2]], [[-1, 0], [0, 0]], [[1 << 31, 0], [0, 0]], [[1, 2, 3], [1, 2, 3]],
    {"array": 0}, {"array": 99}, {"array": None}, {"array": [1]},
)  # fmt: skip


def rewritten(path: Path, node: int, part: str, change: dict[str, Any]) -> Path:
    """Save the file again with fields of one node changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["graph.json"])
    where = manifest["nodes"][node]["fields"] if part == "fields" else manifest["nodes"][node]["formats"][part]
    where.update(change)
    other = path.with_name("other.snntk")
    with zipfile.ZipFile(other, "w") as archive:
        for name, data in {**members, "graph.json": json.dumps(manifest).encode()}.items():
            archive.writestr(name, data)
    return other


def opened(path: Path) -> Graph | None:
    """Return the graph of a file, or None for one that is refused in a sentence about the file."""
    try:
        return load_graph(path)
    except ArtifactError as error:
        said = str(error)
    assert said.startswith(str(path))
    assert "\n" not in said
    assert not [word for word in PYTHON if word in said], said
    return None


def spiking(*ops: Op, shape: tuple[int, ...] = (4, 4, 2)) -> Graph:
    """Return a spiking graph of ops one after the other."""
    nodes = [Node("n0", SpikeSource(shape))]
    for op in (*ops, Readout()):
        nodes.append(Node(f"n{len(nodes)}", op, (f"n{len(nodes) - 1}",)))
    return Graph(tuple(nodes))


NETWORKS = {
    "spiking": spiking(Conv2D(np.ones((2, 2, 2, 3))), IntegrateFire(), AveragePool((2, 2))),
    "transposed": spiking(ConvTranspose2D(np.ones((2, 2, 2, 3))), IntegrateFire()),
    "analog": Graph((Node("in", Input((3,))), Node("last", Softmax(), ("in",)))),
    **{f"random-{seed}": random_graph(np.random.default_rng(seed)) for seed in range(6)},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_worthless_value_in_any_field_is_refused_or_computes(name: str, tmp_path: Path) -> None:
    path = save_graph(NETWORKS[name], tmp_path / "net.snntk")
    manifest = json.loads(zipfile.ZipFile(path).read("graph.json"))
    for number, entry in enumerate(manifest["nodes"]):
        for field in entry["fields"]:
            for value in WORTHLESS:
                graph = opened(rewritten(path, number, "fields", {field: value}))
                if graph is not None:
                    batch = np.zeros((1, *graph.input_shape), np.float32)
                    with np.errstate(all="ignore"):
                        simulate_plainly(graph, batch, 2) if graph.spiking else evaluate(graph, batch)


@pytest.mark.parametrize(
    ("node", "change", "said"),
    [
        (0, {"shape": [1, 28, 28.0]}, r"n0, SpikeSource: shape must be a list, each a whole .*, got \[1, 28, 28.0\]"),
        (1, {"strides": [0, 0]}, r"n1: Conv2D takes strides above zero for 2 axes, got \[0, 0\]"),
        (1, {"strides": [1]}, r"n1: Conv2D takes strides above zero for 2 axes, got \[1\]"),
        (1, {"dilation": [1, -1]}, r"n1: Conv2D takes dilation above zero"),
        (1, {"groups": "two"}, r"n1, Conv2D: groups must be a whole number of at most 32 bits, got 'two'"),
        (1, {"padding": "most"}, r"n1, Conv2D: padding must be 'valid' or 'same' or .* or a list, each a pair"),
        (1, {"stride": [1]}, r"n1, Conv2D: 'stride' is not known. Did you mean 'strides'\?"),
        (1, {"weight": {"array": 99}}, r"n1, Conv2D: weight must be an array of numbers, got {'array': 99}"),
        (2, {"refractory": 1.5}, r"n2, IntegrateFire: refractory must be a whole number of at most 32 bits, got 1.5"),
        (2, {"leak": "x"}, r"n2, IntegrateFire: leak must be a finite number, got 'x'"),
        (3, {"ceil_mode": 1}, r"n3, AveragePool: ceil_mode must be true or false, got 1"),
        (3, {"kernel": [0, 2]}, r"n3: AveragePool takes kernel above zero for 2 axes, got \[0, 2\]"),
    ],
)  # fmt: skip
def test_the_sentence_names_node_field_what_was_found_and_expected(
    node: int, change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = save_graph(NETWORKS["spiking"], tmp_path / "net.snntk")
    with pytest.raises(ArtifactError, match=said):
        load_graph(rewritten(path, node, "fields", change))


@pytest.mark.parametrize("field", ["bits", "axis", "signed", "full_range", "scale"])
def test_the_fields_of_formats_are_checked_alike(field: str, tmp_path: Path) -> None:
    number_format = NumberFormat(4, np.array([0.5, 0.25]), axis=1)
    node = Node("dense", Dense(np.zeros((3, 2))), ("in",), {"weight": number_format})
    path = save_graph(Graph((Node("in", Input((3,))), node)), tmp_path / "net.snntk")
    for value in WORTHLESS:
        opened(rewritten(path, 1, "weight", {field: value}))
    with pytest.raises(ArtifactError, match="dense, the format of 'weight': bits must be a whole number"):
        load_graph(rewritten(path, 1, "weight", {"bits": 4.0}))
    with pytest.raises(ArtifactError, match=r"dense: weight has the shape \(3, 2\), its format 2 steps along axis 0"):
        load_graph(rewritten(path, 1, "weight", {"axis": 0}))


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    strange: Any = np.float32(0.25)
    graph = spiking(IntegrateFire(leak=strange), shape=(3,))
    assert load_graph(save_graph(graph, tmp_path / "net.snntk"))["n1"].op.leak == 0.25  # type: ignore[attr-defined]
    strange = 1.5
    with pytest.raises(GraphError, match="n1: IntegrateFire: refractory must be a whole number"):
        save_graph(spiking(IntegrateFire(refractory=strange), shape=(3,)), tmp_path / "other.snntk")
    assert not (tmp_path / "other.snntk").exists()


def test_a_deep_chain_of_additions_opens(tmp_path: Path) -> None:
    nodes = [Node("n0", Input((3,)))]
    for number in range(100):
        nodes.append(Node(f"n{number + 1}", Add(), (f"n{number}", f"n{number}")))
    assert len(load_graph(save_graph(Graph(tuple(nodes)), tmp_path / "net.snntk"))) == 101
