"""activation-before-max-pool: neurons fire, then their spikes are pooled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from snntk_core import (
    ClippedRelu,
    Context,
    Dropout,
    Elu,
    Flatten,
    GlobalMaxPool,
    Graph,
    HardSigmoid,
    Identity,
    LeakyRelu,
    MaxPool,
    Node,
    Op,
    PRelu,
    Preserves,
    QuantizedRelu,
    Relu,
    Reshape,
    Selu,
    Sigmoid,
    Softplus,
    Softsign,
    Stage,
    Tanh,
    Transform,
    Transpose,
)
from snntk_core.scaling import per_channel
from snntk_core.shapes import Shape
from snntk_standard.paths import only_user


@dataclass(frozen=True)
class ActivationBeforeMaxPool(Transform):
    """Move an activation that never falls before the max pooling it follows: ``f(max(x)) = max(f(x))``.

    Spike trains are pooled, not currents, so the neurons must come first.  The activation moves past any number of
    poolings in a row; one with the same parameters everywhere also past Flatten, Reshape and Transpose.  Parameters
    that vary over space keep it where it is.
    """

    name: ClassVar[str] = "activation-before-max-pool"
    stage: ClassVar[Stage] = Stage.ADAPT
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with every monotone activation before the max pooling."""
        for node in graph:
            op = _for_any_place(node.op, graph.shapes[node.name]) if _monotone(node.op) else None
            pool = None if op is None else _first_pool(graph, graph[node.name], op)
            if op is not None and pool is not None:
                graph = graph.bypass(node.name).insert_before(pool, node.name, op, origin=node.origin)
                graph = graph.replace(node.name, op, formats=node.formats)
        return graph


def _monotone(op: Op) -> bool:
    """Whether the activation is element-wise and never falls."""
    match op:
        case Relu() | ClippedRelu() | QuantizedRelu() | Sigmoid() | Tanh() | Softplus() | Softsign():
            return True
        case LeakyRelu():
            return op.slope >= 0
        case PRelu():
            return bool((op.slope >= 0).all())
        case Elu() | HardSigmoid():
            return op.alpha >= 0
        case Selu():
            return op.alpha >= 0 and op.gamma >= 0
    return False


def _for_any_place(op: Op, shape: Shape) -> Op | None:
    """Return the op with scalar or (channels,) parameters, None where they vary over space."""
    values = {name: per_channel(array, shape) for name, array in op.arrays.items()}
    if any(array is None for array in values.values()):
        return None
    return replace(op, **{n: a[0] if a is not None and (a == a[0]).all() else a for n, a in values.items()})


def _first_pool(graph: Graph, node: Node, op: Op) -> str | None:
    """Return the topmost max pooling that the activation ``node`` may be moved before."""
    moves = (Flatten, Reshape, Transpose) if all(array.ndim == 0 for array in op.arrays.values()) else ()
    found = None
    while only_user(graph, node.inputs[0]) is not None:
        node = graph[node.inputs[0]]
        if isinstance(node.op, MaxPool | GlobalMaxPool):
            found = node.name
        elif not isinstance(node.op, (Dropout, Identity, *moves)):
            break
    return found
