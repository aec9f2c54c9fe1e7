"""Random quantized networks with every op that has integers, among them many that round ties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snntk_core import (
    ActivationOp,
    BatchNorm,
    DepthwiseConv2D,
    FakeQuantize,
    Graph,
    Identity,
    LocalResponseNormalization,
    LogSoftmax,
    Multiply,
    Node,
    NumberFormat,
    Op,
    Pad,
    QuantizedRelu,
    Softmax,
    Subtract,
    WeightedOp,
)
from snntk_core.testing.random_graphs import random_graph

Rng = np.random.Generator
ROUNDED = (QuantizedRelu, FakeQuantize)


def random_quantized(rng: Rng, *, dyadic: bool) -> Graph | None:
    """Return a network, or None for one with a product; ``dyadic``: steps are powers of two, so there are ties."""
    graph = random_graph(rng, depth=7, dtype=np.float32)
    nodes: list[Node] = []
    moved: dict[str, str] = {}
    for node in graph:
        if isinstance(node.op, Multiply):
            if graph.shapes[node.inputs[0]] != graph.shapes[node.inputs[1]]:
                return None
            node = replace(node, op=Subtract())
        node = replace(node, inputs=tuple(moved.get(name, name) for name in node.inputs))
        shape = graph.shapes[node.name]
        made = _quantized(rng, node, shape[-1], dyadic)
        nodes.append(made)
        if isinstance(made.op, WeightedOp) and rng.random() < 0.7:
            name = f"{made.name}_rounded"
            nodes.append(Node(name, _rounding(rng, shape[-1], dyadic), (made.name,)))
            moved[made.name] = name
    outputs = tuple(moved.get(name, name) for name in graph.outputs)
    return Graph(tuple(nodes), outputs).verify()


def _quantized(rng: Rng, node: Node, channels: int, dyadic: bool) -> Node:
    op: Op = node.op
    if isinstance(op, WeightedOp):
        return _with_weights(rng, node, dyadic)
    if isinstance(op, ActivationOp) and not isinstance(op, Softmax | LogSoftmax):
        return Node(node.name, _rounding(rng, channels, dyadic), node.inputs)
    if isinstance(op, BatchNorm | LocalResponseNormalization):
        return Node(node.name, Identity(), node.inputs)
    return replace(node, op=replace(op, value=0.0)) if isinstance(op, Pad) else node


def _with_weights(rng: Rng, node: Node, dyadic: bool) -> Node:
    weight, bias = node.op.arrays["weight"], node.op.arrays.get("bias")
    bits = int(rng.choice([2, 3, 4, 8]))
    axes = [None, weight.ndim - 1, 2 if isinstance(node.op, DepthwiseConv2D) else weight.ndim - 1]
    axis = axes[int(rng.integers(3))]
    steps = _step(rng, () if axis is None else (weight.shape[axis],), dyadic)
    found = NumberFormat(bits, steps, axis)
    arrays = {"weight": found.round(weight)}
    if bias is not None:
        arrays["bias"] = np.rint(bias * 64).astype(np.float32) / 64 if dyadic else bias
    return replace(node, op=replace(node.op, **arrays), formats={"weight": found})


def _rounding(rng: Rng, channels: int, dyadic: bool) -> Op:
    step = _step(rng, (channels,) if rng.random() < 0.2 else (), dyadic)
    if rng.random() < 0.3:
        return FakeQuantize(step, -7, 7)
    rounding = "half-even" if rng.random() < 0.5 else "half-down"
    return QuantizedRelu(step, int(rng.choice([1, 3, 15, 255])), rounding)  # type: ignore[arg-type]


def _step(rng: Rng, shape: tuple[int, ...], dyadic: bool) -> np.ndarray:
    if dyadic:
        return np.exp2(rng.integers(-5, 1, size=shape)).astype(np.float32)
    return rng.uniform(0.02, 1.0, size=shape).astype(np.float32)
