"""The layers of a network as Akida counts them: a separable convolution is one, and some ops are none."""

from __future__ import annotations

from snntk_core import (
    ActivationOp,
    BatchNorm,
    ClippedRelu,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePool,
    Graph,
    Identity,
    MaxPool,
    Node,
    QuantizedRelu,
    Relu,
    WeightedOp,
)

NOTHING = (Dropout, Identity, BatchNorm)  # a BatchNorm is an issue by itself, and no reason for another one
RECTIFIERS = (QuantizedRelu, Relu, ClippedRelu)  # the same holds for those that are not quantized
POOLS = (MaxPool, GlobalAveragePool)


def above(graph: Graph, node: Node) -> Node | None:
    """Return the node whose value ``node`` reads first, past what does nothing; None for the input."""
    while node.inputs:
        node = graph[node.inputs[0]]
        if not isinstance(node.op, NOTHING):
            return node
    return None


def below(graph: Graph, node: Node) -> Node | None:
    """Return the one node that reads ``node``, past what does nothing; None where there are none or several."""
    while len(users := graph.users(node.name)) == 1:
        (node,) = users
        if not isinstance(node.op, NOTHING):
            return node
    return None


def is_pointwise_half(graph: Graph, node: Node) -> bool:
    """Whether a node is the second half of a separable convolution."""
    op = node.op
    if not isinstance(op, Conv2D) or op.weight.shape[:2] != (1, 1):
        return False
    first = above(graph, node)
    return first is not None and isinstance(first.op, DepthwiseConv2D)


def previous_stage(graph: Graph, node: Node) -> Node | None:
    """Return the last node with weights or a rectifier above ``node``; None where there is none."""
    found = above(graph, node)
    while found is not None and not isinstance(found.op, (WeightedOp, *RECTIFIERS)):
        found = above(graph, found)
    return found


def is_first_layer(graph: Graph, node: Node) -> bool:
    """Whether no weights stand above a node."""
    found = above(graph, node)
    while found is not None and not isinstance(found.op, WeightedOp):
        found = above(graph, found)
    return found is None


def is_behind_last_layer(graph: Graph, node: Node) -> bool:
    """Whether no weights stand below a node."""
    found = below(graph, node)
    while found is not None and not isinstance(found.op, WeightedOp):
        found = below(graph, found)
    return found is None and not graph.users(node.name)[1:]


def is_other_activation(node: Node) -> bool:
    """Whether a node is an activation that Akida leaves to the host."""
    return isinstance(node.op, ActivationOp) and not isinstance(node.op, RECTIFIERS)
