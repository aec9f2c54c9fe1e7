"""softmax-to-readout: a classifier's last nonlinearity is applied to what was counted, not spiked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from snntk_core import (
    Context,
    Dropout,
    Flatten,
    Graph,
    Identity,
    Link,
    LogSoftmax,
    Node,
    Op,
    Preserves,
    Readout,
    Reshape,
    Sigmoid,
    Softmax,
    Stage,
    Tanh,
    Transform,
)
from snntk_core.shapes import Shape, size
from snntk_standard.paths import only_user


@dataclass(frozen=True)
class SoftmaxToReadout(Transform):
    """End every output with a Readout, ``score = link(x)``: the link is its last softmax or sigmoid, or the identity.

    A Softmax, LogSoftmax, Sigmoid or Tanh that an output ends with becomes the link, also through ops that only add or
    drop axes of length one.  A softmax along another axis than the last stays, and so does a nonlinearity that other
    nodes read; these outputs get the identity.
    """

    name: ClassVar[str] = "softmax-to-readout"
    stage: ClassVar[Stage] = Stage.ADAPT
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph whose outputs are all `Readout`."""
        for name in dict.fromkeys(graph.outputs):
            if not isinstance(graph[name].op, Readout):
                graph = _ended(graph, name)
        return graph


def _ended(graph: Graph, output: str) -> Graph:
    last = _last_nonlinearity(graph, output)
    link = "identity" if last is None else _link(graph[last].op, graph.shapes[last])
    assert link is not None
    if last == output:
        return graph.replace(output, Readout(link))
    origin = graph[last or output].origin
    graph = graph if last is None else graph.bypass(last)
    readout = Node(graph.free_name(f"{output}_readout"), Readout(link), (output,), origin=origin)
    outputs = tuple(readout.name if name == output else name for name in graph.outputs)
    return replace(graph, nodes=(*graph.nodes, readout), outputs=outputs)


def _last_nonlinearity(graph: Graph, output: str) -> str | None:
    """Return the nonlinearity that ``output`` ends with, None if there is none or something else reads it."""
    node = graph[output]
    if graph.users(output):
        return None
    while _keeps_the_vector(graph, node):
        node = graph[node.inputs[0]]
        if only_user(graph, node.name) is None:
            return None
    return node.name if _link(node.op, graph.shapes[node.name]) is not None else None


def _keeps_the_vector(graph: Graph, node: Node) -> bool:
    """Whether the op leaves a vector as it is, apart from axes of length one before it."""
    if not isinstance(node.op, Dropout | Flatten | Identity | Reshape):
        return False
    shapes = graph.shapes[node.name], graph.shapes[node.inputs[0]]
    return shapes[0] == shapes[1] or all(shape[-1] == size(shape) for shape in shapes)


def _link(op: Op, shape: Shape) -> Link | None:
    match op:
        case Softmax() if op.axis % len(shape) == len(shape) - 1:
            return "softmax"
        case LogSoftmax() if op.axis % len(shape) == len(shape) - 1:
            return "log-softmax"
        case Sigmoid():
            return "sigmoid"
        case Tanh():
            return "tanh"
    return None
