"""What normalization and the rate code do to one network, as text; written like the goldens of the rewrites."""

import os
from pathlib import Path

import numpy as np
import pytest

import snntk_rate
from snntk_core import Add, Concat, Context, Conv2D, Dense, Flatten, Graph, Input, MaxPool, Node, Relu

FOLDER = Path(__file__).parent
TRANSFORMS = {cls.name: cls() for cls in snntk_rate.snntk_transforms()}


def exact(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).integers(-2, 4, shape) / 4).astype(np.float32)


def network() -> Graph:
    """Return a residual network with branches of different scales, a pool, a Concat and a Dense at the end."""
    nodes = (
        Node("image", Input((6, 6, 2))),
        Node("conv1", Conv2D(exact(3, 3, 2, 4), exact(4), padding="same"), ("image",)),
        Node("relu1", Relu(), ("conv1",)),
        Node("conv2", Conv2D(exact(3, 3, 4, 4, seed=1), padding="same"), ("relu1",)),
        Node("sum", Add(), ("conv2", "relu1")),
        Node("relu2", Relu(), ("sum",)),
        Node("pool", MaxPool((2, 2)), ("relu2",)),
        Node("conv3", Conv2D(exact(1, 1, 4, 2, seed=2)), ("pool",)),
        Node("relu3", Relu(), ("conv3",)),
        Node("both", Concat(), ("pool", "relu3")),
        Node("flat", Flatten(), ("both",)),
        Node("scores", Dense(exact(54, 3, seed=3), exact(3)), ("flat",)),
    )
    return Graph(nodes).verify()


def lines(graph: Graph) -> str:
    """Return the graph as text, with what its neurons need to fire and how far its weights reach."""
    parts = {
        node.name: ", ".join(f"{key} up to {np.abs(array).max():.3f}" for key, array in node.op.arrays.items())
        for node in graph
    }
    text = str(graph).splitlines()
    return "\n".join(f"{line:<40}  {parts[node.name]}".rstrip() for line, node in zip(text, graph, strict=True))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform_does_what_its_golden_file_shows(name: str) -> None:
    samples = np.random.default_rng(4).integers(0, 9, (20, 6, 6, 2)) / 8
    before = network()
    after = TRANSFORMS[name].apply(before, Context(samples)).verify()
    text = f"before\n\n{lines(before)}\n\nafter {name}\n\n{lines(after)}\n"
    path = FOLDER / f"{name}.txt"
    if os.environ.get("SNNTK_WRITE_GOLDENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
