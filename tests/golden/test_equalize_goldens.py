"""What each rewrite of snntk_equalize does to one network, as text: the graph and how far the channels reach.

After an intended change, write the files with ``SNNTK_WRITE_GOLDENS=1 pytest tests/golden -n 0`` and read the diff.
"""

import os
from pathlib import Path

import numpy as np
import pytest

import snntk_equalize
from snntk_core import (
    AveragePool,
    BatchNorm,
    Context,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Graph,
    Input,
    MaxPool,
    Node,
    Op,
    QuantizedRelu,
    Relu,
    WeightedOp,
)
from snntk_core.scaling import output_ranges

FOLDER = Path(__file__).parent
CALIBRATION = np.random.default_rng(0).integers(0, 9, (4, 4, 4, 2)) / 8
REWRITES = {cls.name: cls() for cls in snntk_equalize.snntk_transforms()}


def steps(*shape: int) -> np.ndarray:
    """Return weights that differ from channel to channel."""
    return (np.arange(1, np.prod(shape) + 1).reshape(shape) / 8).astype(np.float32)


def batchnorm(channels: int) -> BatchNorm:
    one = np.ones(channels, np.float32)
    return BatchNorm(one, one, 2 * one, one)


def network(**ops: Op) -> Graph:
    """Return a chain on 4 by 4 images with two channels."""
    nodes = [Node("image", Input((4, 4, 2)))]
    for name, op in ops.items():
        nodes.append(Node(name, op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()


STACK = network(
    conv=Conv2D(steps(1, 1, 2, 3)),
    relu=Relu(),
    depthwise=DepthwiseConv2D(steps(2, 2, 3, 1)),
    pointwise=Conv2D(steps(1, 1, 3, 2)),
    relu_2=Relu(),
    flat=Flatten(),
    scores=Dense(steps(18, 2)),
)
NETWORKS = {
    "arrange-blocks": network(
        conv=Conv2D(steps(3, 3, 2, 2)),
        relu=Relu(),
        pool=MaxPool((2, 2)),
        noise=Dropout(),
        dense=Conv2D(steps(1, 1, 2, 2)),
        average=GlobalAveragePool(),
        norm=batchnorm(2),
    ),
    "max-pool-before-activation": network(
        conv=Conv2D(steps(1, 1, 2, 2)), relu=Relu(), again=QuantizedRelu(0.5, 3), pool=MaxPool((2, 2))
    ),
    "invert-batchnorm-pooling": network(
        conv=Conv2D(steps(1, 1, 2, 2)), pool=MaxPool((2, 2)), mean=AveragePool((2, 2)), norm=batchnorm(2)
    ),
    "fold-adjacent-batchnorm": network(
        conv=Conv2D(steps(1, 1, 2, 2)), norm=batchnorm(2), relu=Relu(), stays=batchnorm(2)
    ),
    "normalize-separable": STACK,
    "equalize-layers": STACK,
    "equalize-power-of-two": STACK,
    "rescale-activations": network(conv=Conv2D(steps(1, 1, 2, 2)), relu=QuantizedRelu(0.25, 15)),
}


def shown(graph: Graph) -> str:
    """Return the graph, the range of each output channel of its weights, and the steps of its activations."""
    lines = [str(graph), ""]
    for node in graph:
        if isinstance(node.op, WeightedOp):
            lines.append(f"{node.name}: weights up to {_numbers(output_ranges(node.op))}")
        elif isinstance(node.op, QuantizedRelu):
            lines.append(f"{node.name}: step {_numbers(node.op.step)}")
    return "\n".join(lines)


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.4g}" for value in np.ravel(values))


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewrite_does_what_its_golden_file_shows(name: str) -> None:
    before = NETWORKS[name]
    after = REWRITES[name].apply(before, Context(CALIBRATION)).verify()
    text = f"before\n\n{shown(before)}\n\nafter {name}\n\n{shown(after)}\n"
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    path = FOLDER / f"{name}.txt"
    if os.environ.get("SNNTK_WRITE_GOLDENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
