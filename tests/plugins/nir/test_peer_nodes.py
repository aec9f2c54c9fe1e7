"""Which nodes of NIR other simulators read, and what a spike does there: the table of docs/how-to/exchange-nir.md."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from nir_peers import PEERS

nir = pytest.importorskip("nir", reason="nir is not installed")
pytest.importorskip("torch", reason="torch is not installed")

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "exchange-nir.md"
IMAGE = (2, 6, 6)
STEPS = 12


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def ones(value: float = 1.0) -> np.ndarray:
    return np.full(4, value, np.float32)


def neurons(kind: str) -> nir.NIRNode:
    if kind == "IF":
        return nir.IF(r=ones(), v_threshold=ones(), v_reset=ones(0))
    if kind == "LIF":  # V <- V / 2 + I, as snntk writes it
        return nir.LIF(tau=ones(2), r=ones(2), v_leak=ones(0), v_threshold=ones(), v_reset=ones(0))
    return nir.LI(tau=ones(2), r=ones(2), v_leak=ones(0)) if kind == "LI" else nir.I(r=ones())


def window(size: int) -> np.ndarray:
    return np.array((size, size))


NODES = {
    "Affine": ((4,), lambda: nir.Affine(values(3, 4), values(3))),
    "Linear": ((4,), lambda: nir.Linear(values(3, 4))),
    "Scale": ((4,), lambda: nir.Scale(values(4))),
    "Conv1d": ((2, 6), lambda: nir.Conv1d(6, values(3, 2, 3), 1, 0, 1, 1, values(3))),
    "Conv2d": (IMAGE, lambda: nir.Conv2d((6, 6), values(3, 2, 3, 3), 1, 0, 1, 1, values(3))),
    "SumPool2d": (IMAGE, lambda: nir.SumPool2d(window(2), window(2), window(0))),
    "AvgPool2d": (IMAGE, lambda: nir.AvgPool2d(window(2), window(2), window(0))),
    "Flatten": (IMAGE, lambda: nir.Flatten({"input": np.array(IMAGE)}, 0, -1)),
    "IF": ((4,), lambda: neurons("IF")),
    "LIF": ((4,), lambda: neurons("LIF")),
    "I": ((4,), lambda: neurons("I")),
    "LI": ((4,), lambda: neurons("LI")),
}


def expected(kind: str, node: nir.NIRNode, x: np.ndarray) -> list[np.ndarray]:
    """What a node puts out in every step; two answers for neurons, one for each reset."""
    if kind in ("IF", "LIF", "LI", "I"):
        return [potential_or_spikes(kind, x, reset) for reset in ("subtract", "zero")]
    if kind in ("Affine", "Linear"):
        y = node.weight @ x + (node.bias if kind == "Affine" else 0)
    elif kind == "Scale":
        y = node.scale * x
    elif kind == "Flatten":
        y = x.reshape(-1)
    elif kind == "Conv1d":
        y = np.stack([np.tensordot(node.weight, x[:, i : i + 3], 2) for i in range(4)], -1) + node.bias[:, None]
    elif kind == "Conv2d":
        rows = [
            np.stack([np.tensordot(node.weight, x[:, i : i + 3, j : j + 3], 3) for j in range(4)], -1) for i in range(4)
        ]
        y = np.stack(rows, 1) + node.bias[:, None, None]
    else:
        y = x.reshape(2, 3, 2, 3, 2).sum((2, 4)) / (1 if kind == "SumPool2d" else 4)
    return [np.repeat(y[None], STEPS, axis=0)]


def potential_or_spikes(kind: str, x: np.ndarray, reset: str) -> np.ndarray:
    v, found = np.zeros(4, np.float32), []
    for _ in range(STEPS):
        v = v * (0.5 if kind in ("LIF", "LI") else 1) + x
        fired = (v >= 1) if kind in ("IF", "LIF") else np.zeros(4, bool)
        found.append(fired if kind in ("IF", "LIF") else v)
        v = np.where(fired, v - 1 if reset == "subtract" else 0, v)
    return np.stack(found).astype(np.float32)


def answer(peer: str, kind: str) -> str:
    """Say what a simulator makes of a node, in the words of the table."""
    shape, make = NODES[kind]
    x = np.array((0.31, 0.59, 0.87, -0.5), np.float32) if shape == (4,) else np.abs(values(*shape))
    node = make()
    names = {"input": nir.Input(input_type={"input": np.array(shape)}), "node": node}
    output = nir.Output(output_type={"output": np.array(shape)})
    edges = [("input", "node"), ("node", "output")]
    graph = nir.NIRGraph(names | {"output": output}, edges, type_check=False)
    try:
        got = PEERS[peer](graph, x, STEPS)
    except (ValueError, AttributeError, NotImplementedError, TypeError):
        return "no"
    right = [got.shape == y.shape and np.allclose(got, y, atol=1e-5) for y in expected(kind, make(), x)]
    if kind in ("IF", "LIF"):
        return "subtract" if right[0] else "zero" if right[1] else "another neuron"
    return "yes" if any(right) else "wrongly"


def table() -> dict[str, dict[str, str]]:
    """Return the table of the page: {simulator: {node: what it says}}."""
    lines = [line.strip("| \n").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if "|" in line]
    rows = [[cell.strip().strip("`") for cell in line] for line in lines]
    head = next(row for row in rows if row[0] == "node")
    found = {row[0]: row for row in rows if row[0] in NODES and len(row) == len(head)}
    return {
        re.sub(r" [\d.]+$", "", name): {node: row[column] for node, row in found.items()}
        for column, name in enumerate(head)
        if column
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", NODES)
@pytest.mark.parametrize("peer", PEERS)
def test_the_table_says_what_a_simulator_reads(peer: str, kind: str) -> None:
    assert table()[peer][kind] == answer(peer, kind)


def test_the_table_has_every_simulator_and_node() -> None:
    assert set(table()) == {*PEERS, "Lava", "Rockpool"}
    assert all(set(column) == set(NODES) for column in table().values())
