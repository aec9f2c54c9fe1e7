"""Quantized networks: one that Akida takes, and ten that each break one family of rules, with what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snntk_core import (
    Add,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    Input,
    MaxPool,
    Node,
    NumberFormat,
    Op,
    QuantizedRelu,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    Softmax,
    WeightedOp,
)


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def conv(inputs: int, units: int, kernel: int = 3, **options: object) -> Conv2D:
    options = {"padding": "same", **options}
    return Conv2D(weights(kernel, kernel, inputs, units), weights(units), **options)  # type: ignore[arg-type]


def depthwise(channels: int, multiplier: int = 1, bias: bool = False) -> DepthwiseConv2D:
    units = channels * multiplier
    return DepthwiseConv2D(weights(3, 3, channels, multiplier), weights(units) if bias else None, padding="same")


def dense(inputs: int, units: int) -> Dense:
    return Dense(weights(inputs, units), weights(units))


def relu(bits: int = 4, step: float = 0.25) -> QuantizedRelu:
    return QuantizedRelu(np.float32(step), 2**bits - 1, "half-down")


def quantized(node: Node, bits: int) -> Node:
    """Return the node with weights of some bits: one step for depthwise ones, else one for each output channel."""
    if not isinstance(node.op, WeightedOp) or node.formats:
        return node
    weight = node.op.arrays["weight"]
    alone = isinstance(node.op, DepthwiseConv2D)
    largest = np.abs(weight).max(axis=None if alone else tuple(range(weight.ndim - 1)))
    kept = NumberFormat(bits, largest / (2 ** (bits - 1) - 1), None if alone else weight.ndim - 1)
    changed = {"weight": kept.round(weight)}
    op = type(node.op)(**{**vars(node.op), **changed})
    return Node(node.name, op, node.inputs, {"weight": kept})


def network(*rows: tuple[str, Op] | tuple[str, Op, str], source: Input, bits: int = 4, outputs: Sequence[str] = ()):
    """Return a network of rows, each a name, an op and what it reads, by default the row before."""
    nodes = [Node("x", source)]
    for name, op, *inputs in rows:
        nodes.append(quantized(Node(name, op, tuple(inputs[0].split()) if inputs else (nodes[-1].name,)), bits))
    return Graph(tuple(nodes), tuple(outputs)).verify()


IMAGE = Input((8, 8, 1))
HEAD = (("c1", conv(1, 4)), ("p1", MaxPool((2, 2), padding="same")), ("r1", relu()))
SEPARABLE = (("s2d", depthwise(4)), ("s2", conv(4, 6, 1)))
TAIL = (("f", Flatten()), ("d", dense(96, 3)), ("sm", Softmax()))


def taken(bits: int = 4) -> Graph:
    """Return a network that Akida takes: convolution, separable convolution, and Dense layers."""
    return network(*HEAD, *SEPARABLE, ("r2", relu()), *TAIL, source=IMAGE, bits=bits)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network and its issues, each ``node: words of the problem``."""

    graph: Graph
    issues: tuple[str, ...]


def unquantized(graph: Graph) -> Graph:
    return Graph(tuple(Node(node.name, node.op, node.inputs) for node in graph))


def _bits() -> Graph:
    """Return the network with other bits for single layers."""
    graph, changed = taken(), {"c1": 5, "s2d": 4, "s2": 8, "d": 3}
    nodes = [quantized(Node(n.name, n.op, n.inputs), changed.get(n.name, 4)) for n in graph]
    five = QuantizedRelu(np.float32(0.25), 31, "half-down")
    return Graph(tuple(nodes)).replace("r1", five).replace("r2", QuantizedRelu(np.full(6, 0.25, np.float32), 3))


PREPARED = {
    "branches": Prepared(
        network(
            *HEAD,
            ("left", conv(4, 4)),
            ("right", conv(4, 4), "r1"),
            ("sum", Add(), "left right"),
            ("r2", relu()),
            source=IMAGE,
            outputs=("r2", "left"),
        ),
        ("r1: feeds left and right", "left: second output", "sum: Add is not supported"),
    ),
    "input": Prepared(
        network(("c1", conv(2, 4)), ("r1", relu()), source=Input((2, 8, 8), (1, 2, 0))),
        ("x: 2 channels",),
    ),
    "first layer": Prepared(
        network(("s1d", depthwise(3)), ("s1", conv(3, 4, 1)), ("r1", relu()), source=Input((8, 8, 3))),
        ("s1d: DepthwiseConv2D is the first layer",),
    ),
    "order": Prepared(
        network(
            ("early", relu()),
            ("c1", conv(1, 4)),
            ("c2", conv(4, 4)),
            ("r2", relu()),
            ("r3", relu()),
            ("g", Sigmoid()),
            ("c4", conv(4, 2)),
            source=IMAGE,
        ),
        (
            "early: no layer with weights",
            "c2: no quantized activation stands between c1 and it",
            "r3: no layer with weights stands between r2 and it",
            "g: Sigmoid stands before layers with weights",
        ),
    ),
    "pooling": Prepared(
        network(
            ("p0", MaxPool((2, 2), padding="same")),
            ("c1", conv(1, 4)),
            ("p1", MaxPool((2, 2), padding="same")),
            ("again", MaxPool((2, 2), padding="same")),
            ("r1", relu()),
            ("c2", conv(4, 4)),
            ("r2", relu()),
            ("late", GlobalAveragePool()),
            ("d", dense(4, 2)),
            source=IMAGE,
        ),
        ("p0: pools the input", "again: pools p1", "late: averages r2"),
    ),
    "padding": Prepared(
        network(
            ("c1", conv(1, 4, padding=((1, 2), (1, 1)))),
            ("r1", relu()),
            ("c2", conv(4, 4)),
            ("p2", MaxPool((2, 2), (3, 3))),
            ("r2", relu()),
            ("c3", conv(4, 4, padding="valid")),
            ("p3", MaxPool((2, 2), (2, 2), "valid", True)),
            ("r3", relu()),
            source=Input((12, 12, 1)),
        ),
        ("c1: neither valid nor same", "p2: pads valid, and c2 pads same", "p3: hang over"),
    ),
    "kernels": Prepared(
        network(
            ("c1", conv(1, 4, dilation=(2, 2))),
            ("r1", relu()),
            ("c2", conv(2, 4, groups=2)),
            ("r2", relu()),
            ("alone", depthwise(4, 2, bias=True)),
            ("r3", relu()),
            source=IMAGE,
        ),
        ("c1: dilated", "c2: 2 groups", "alone: kernel one", "alone: has a bias", "alone: 2 kernels"),
    ),
    "shapes": Prepared(
        network(
            *HEAD,
            ("wide", dense(4, 4)),
            ("r2", relu()),
            ("f", Flatten()),
            ("back", Reshape((4, 4, 4))),
            ("c3", conv(4, 4)),
            ("r3", relu()),
            source=IMAGE,
        ),
        ("wide: Dense reads the shape [4, 4, 4]", "f: not Dense", "back: turns [64] into [4, 4, 4]"),
    ),
    "bits": Prepared(
        _bits(),
        (
            "r1: 31 levels",
            "s2: 8 bits, those of s2d 4",
            "r2: steps of their own",
            "r2: rounds ties to even",
            "d: 3 bits",
        ),
    ),
    "not prepared": Prepared(
        unquantized(
            network(
                ("scale", Scale(np.full(1, -2, np.float32))),
                ("c1", conv(1, 4)),
                ("b1", BatchNorm(np.zeros(4), np.ones(4))),
                ("p1", MaxPool((2, 2), padding="same")),
                ("r1", Relu()),
                ("between", Scale(np.full(1, 2, np.float32))),
                ("f", Flatten()),
                ("d", dense(64, 3)),
                source=IMAGE,
            )
        ),
        (
            "scale: multiplies the input by -2",
            "c1: not quantized",
            "b1: BatchNorm is not supported",
            "r1: Relu is not supported",
            "between: scales what is not the input",
            "d: not quantized",
        ),
    ),
}
