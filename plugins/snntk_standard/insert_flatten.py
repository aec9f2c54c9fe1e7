"""insert-flatten: a Dense reads vectors; on a map it is a convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core import (
    ActivationOp,
    Context,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Graph,
    Identity,
    LogSoftmax,
    Node,
    Preserves,
    Reshape,
    Softmax,
    Stage,
    Transform,
)
from snntk_standard.paths import only_user


@dataclass(frozen=True)
class InsertFlatten(Transform):
    """Make every Dense read a vector: on a map, ``y[i, j] = x[i, j] @ W + b`` is a convolution with kernel one.

    A map with one or two spatial axes longer than one turns the Dense into a `Conv1D` or `Conv2D`.  Where all axes
    before the last have length one, a Flatten goes before the Dense and a Reshape restores the axes, as far
    down as the element-wise ops reach; it vanishes where a Flatten follows.  A Dense on more axes is left as it is.
    """

    name: ClassVar[str] = "insert-flatten"
    stage: ClassVar[Stage] = Stage.CANONICALIZE
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph in which a Dense reads a vector, or a map of more than two spatial axes."""
        reshapes: list[str] = []
        for node in graph:
            if not isinstance(node.op, Dense):
                continue
            restored = graph.shapes[node.name]
            lengths = restored[:-1]
            if lengths and all(length == 1 for length in lengths):
                graph = graph.insert_before(node.name, graph.free_name(f"{node.name}_flatten"), Flatten())
                reshapes.append(graph.free_name(f"{node.name}_reshape"))
                graph = graph.insert_after(node.name, reshapes[-1], Reshape(restored))
            elif len(lengths) in (1, 2):
                graph = graph.replace(node.name, _pointwise(node.op, len(lengths)))
        for name in reshapes:
            graph = _sunk(graph, name)
        return graph


def _pointwise(op: Dense, rank: int) -> Conv1D | Conv2D:
    weight = op.weight.reshape((1,) * rank + op.weight.shape)
    return Conv1D(weight, op.bias) if rank == 1 else Conv2D(weight, op.bias)


def _sunk(graph: Graph, name: str) -> Graph:
    """Return the graph with the Reshape ``name`` below every element-wise op, or without it before a Flatten."""
    op, origin = graph[name].op, graph[name].origin
    while (user := only_user(graph, name)) is not None:
        if isinstance(user.op, Flatten):
            return graph.bypass(user.name).bypass(name)
        if not _elementwise(graph, user):
            break
        graph = graph.bypass(name).insert_after(user.name, name, op, origin=origin)
    return graph


def _elementwise(graph: Graph, node: Node) -> bool:
    """Whether the op gives the same values on a vector as on that vector with axes of length one before it."""
    if isinstance(node.op, Softmax | LogSoftmax):
        return node.op.axis == -1
    return isinstance(node.op, Dropout | Identity) or (isinstance(node.op, ActivationOp) and not node.op.arrays)
