"""What a single layer may be: kernels, padding, pooling windows, and the shapes that Dense reads."""

from __future__ import annotations

from collections.abc import Iterator

from snntk_akida.sequence import RECTIFIERS, above, is_pointwise_half
from snntk_core import Conv2D, Dense, DepthwiseConv2D, Graph, Issue, MaxPool, Node
from snntk_core.shapes import Pairs, resolve_padding


def dense_on_vectors(graph: Graph, node: Node) -> Iterator[Issue]:
    """Dense reads (N,) or (1, 1, N)."""
    if not isinstance(node.op, Dense):
        return
    shape = graph.shapes[node.inputs[0]]
    if shape not in ((shape[-1],), (1, 1, shape[-1])):
        yield Issue(node.name, f"Dense reads the shape {list(shape)}.", "Put a Flatten before it.")


def plain_kernels(graph: Graph, node: Node) -> Iterator[Issue]:
    """Kernels are neither dilated nor in groups."""
    op = node.op
    if isinstance(op, Conv2D | DepthwiseConv2D) and max(op.dilation, default=1) > 1:
        yield Issue(node.name, f"its kernel is dilated by {list(op.dilation)}.", "Use a larger kernel.")
    if isinstance(op, Conv2D) and op.groups > 1:
        yield Issue(node.name, f"its channels fall into {op.groups} groups.", "Use one group, or a separable one.")


def named_padding(graph: Graph, node: Node) -> Iterator[Issue]:
    """Padding is "valid", or "same" with the odd element behind the data."""
    if isinstance(node.op, Conv2D | DepthwiseConv2D | MaxPool) and not paddings(graph, node):
        yield Issue(node.name, f"its padding {node.op.padding} is neither valid nor same.", "Use one of these.")


def pooling_padded_alike(graph: Graph, node: Node) -> Iterator[Issue]:
    """Max pooling has the padding of its convolution."""
    if not isinstance(node.op, MaxPool):
        return
    conv = above(graph, node)
    if conv is not None and isinstance(conv.op, RECTIFIERS):
        conv = above(graph, conv)
    if conv is not None and is_pointwise_half(graph, conv):
        conv = above(graph, conv)
    if conv is None or not isinstance(conv.op, Conv2D | DepthwiseConv2D):
        return  # pooling_behind_convolution speaks of that
    ours, theirs = paddings(graph, node), paddings(graph, conv)
    if ours and theirs and not ours & theirs:
        problem = f"it pads {min(ours)}, and {conv.name} pads {min(theirs)}."
        yield Issue(node.name, problem, "Give both the same padding.")


def square_pooling(graph: Graph, node: Node) -> Iterator[Issue]:
    """Max pooling is over images, without dilation and without a last window that hangs over."""
    op = node.op
    if not isinstance(op, MaxPool):
        return
    if len(op.kernel) != 2 or max(op.dilation, default=1) > 1 or op.ceil_mode:
        yield Issue(
            node.name, "its windows are dilated, hang over, or have one axis.", "Use plain windows of two axes."
        )


def paddings(graph: Graph, node: Node) -> frozenset[str]:
    """Return by which of the names "valid" and "same" a node's padding can be called."""
    op, lengths = node.op, graph.shapes[node.inputs[0]][:-1]
    assert isinstance(op, Conv2D | DepthwiseConv2D | MaxPool)
    kernel = op.kernel if isinstance(op, MaxPool) else op.weight.shape[:2]
    ones = (1,) * len(lengths)
    strides = op.strides or (kernel if isinstance(op, MaxPool) else ones)

    def amounts(padding: object) -> Pairs:
        return resolve_padding(padding, lengths, kernel, strides, op.dilation or ones)  # type: ignore[arg-type]

    found = amounts(op.padding)
    return frozenset(name for name in ("valid", "same") if amounts(name) == found)


RULES = (dense_on_vectors, plain_kernels, named_padding, pooling_padded_alike, square_pooling)
