"""The same network for inputs of another size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from snntk_core.capability import Issue
from snntk_core.errors import Incompatible, ShapeError
from snntk_core.graph import Graph
from snntk_core.ops import Dense, Input, SpikeSource
from snntk_core.shapes import Shape


def resize_input(graph: Graph, lengths: Sequence[int]) -> Graph:
    """Return the network for inputs with other spatial ``lengths``, such as (height, width); weights are shared.

    Channels and the model's own layout stay, and so do the windows of every op.  Raises `Incompatible` with every node
    that does not fit the new size: a Dense behind a Flatten, an array that varies over space, a window that is too
    large.
    """
    source = graph.source
    assert isinstance(source.op, Input | SpikeSource)
    old, new = graph.shapes[source.name], tuple(int(each) for each in np.atleast_1d(lengths))
    if len(new) != len(old) - 1 or min(new, default=1) < 1:
        problem = f"it takes {len(old) - 1} lengths above zero, got {list(new)}."
        raise Incompatible("resize_input", [Issue(source.name, problem, f"It has {list(old[:-1])} now.")])
    shape = _own_layout((*new, old[-1]), source.op.order)
    op = replace(source.op, shape=shape)
    nodes = tuple(replace(node, op=op) if node.name == source.name else node for node in graph)
    resized = replace(graph, nodes=nodes)
    issues = _misfits(resized, f"Keep the size {list(old[:-1])}")
    if issues:
        raise Incompatible("resize_input", issues)
    return resized.verify()


def _own_layout(shape: Shape, order: Shape) -> Shape:
    """Return the shape from which ``order`` makes ``shape``."""
    return tuple(shape[order.index(axis)] for axis in range(len(order))) if order else shape


def _misfits(graph: Graph, keep: str) -> list[Issue]:
    """Return every node that cannot take its inputs' shapes; what lies behind one is not judged."""
    shapes: dict[str, Shape] = {}
    issues = []
    for node in graph:
        if any(name not in shapes for name in node.inputs):
            continue
        before = tuple(shapes[name] for name in node.inputs)
        try:
            shapes[node.name] = node.op.infer(*before)
        except ShapeError as error:
            problem, remedy = str(error), f"{keep}, or change this layer."
            if isinstance(node.op, Dense):
                problem = f"it has weights for {len(node.op.weight)} inputs and would get {before[0][-1]}."
                remedy = f"{keep}, or train with global pooling in place of Flatten."
            issues.append(Issue(node.name, problem, remedy, node.origin))
    return issues
