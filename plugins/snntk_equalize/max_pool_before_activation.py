"""max-pool-before-activation: what grows with its input may wait until the largest is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core import (
    BinarySigmoid,
    BinaryTanh,
    ClippedRelu,
    Context,
    GlobalMaxPool,
    Graph,
    MaxPool,
    Node,
    Preserves,
    QuantizedRelu,
    Relu,
    Sigmoid,
    Stage,
    Tanh,
    Transform,
)
from snntk_equalize.neighbors import alone_above, swapped

GROWING = (Relu, ClippedRelu, QuantizedRelu, BinarySigmoid, BinaryTanh, Sigmoid, Tanh)


@dataclass(frozen=True)
class MaxPoolBeforeActivation(Transform):
    """Pool first, then activate: ``max(f(x)) = f(max(x))`` for an ``f`` that never falls.

    The order of a block of Akida: convolution, pooling, activation.  Only where the pooling alone reads the activation,
    and where its bounds or steps do not vary over space.  The opposite of activation-before-max-pool.
    """

    name: ClassVar[str] = "max-pool-before-activation"
    stage: ClassVar[Stage] = Stage.CANONICALIZE
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with every max pooling above the activations it alone reads."""
        for name in [node.name for node in graph if isinstance(node.op, MaxPool | GlobalMaxPool)]:
            while (above := alone_above(graph, name)) is not None and _grows_everywhere_alike(above):
                graph = swapped(graph, name)
        return graph


def _grows_everywhere_alike(node: Node) -> bool:
    return isinstance(node.op, GROWING) and all(array.ndim <= 1 for array in node.op.arrays.values())
