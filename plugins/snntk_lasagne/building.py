"""The graph while it is built: what a layer's builder adds nodes to, channels first until the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from snntk_core.layout import channels_first
from snntk_core.node import Node
from snntk_core.ops import Op, Softmax
from snntk_core.shapes import Shape, size
from snntk_lasagne.layers import Layer, Nonlinearity
from snntk_lasagne.nonlinearities import activation
from snntk_lasagne.refusal import Refused

ELEMENTS = 1 << 28  # of one sample of a value


@dataclass
class Building:
    """The graph so far; a layer's value is the last node it made."""

    nodes: list[Node] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)  # node by layer
    origin: tuple[str, ...] = ()  # the layer being converted

    def free_name(self, stem: str) -> str:
        """Return ``stem``, or ``stem`` with the first number that makes it new."""
        name, count = stem, 1
        while name in self.shapes:
            count += 1
            name = f"{stem}_{count}"
        return name

    def append(self, *nodes: Node) -> str:
        """Add nodes one after the other and return the name of the last.  Raises `ShapeError` if one does not fit."""
        for node in nodes:
            shape = node.op.infer(*(self.shapes[name] for name in node.inputs))
            if size(shape) > ELEMENTS:
                raise Refused(f"it makes samples of shape {shape}, which is too large")
            self.nodes.append(replace(node, origin=self.origin))
            self.shapes[node.name] = shape
        return nodes[-1].name

    def add(self, stem: str, op: Op, *inputs: str) -> str:
        """Add an op under a free name."""
        return self.append(Node(self.free_name(stem), op, inputs))

    def around(self, stem: str, op: Op, value: str) -> str:
        """Add a channels-last op so that it takes and gives channels first."""
        return self.append(*channels_first(self.free_name(stem), op, value, len(self.shapes[value]) - 1))

    def activate(self, layer: Layer, value: str) -> str:
        """Add a layer's nonlinearity behind its value."""
        given = layer.options["nonlinearity"]
        if given is None:
            return value
        if not isinstance(given, Nonlinearity):
            raise Refused("its nonlinearity is not one of Lasagne's")
        op = activation(given)
        if op is None:
            return value
        if isinstance(op, Softmax) and len(self.shapes[value]) != 1:
            raise Refused(f"Lasagne's softmax takes flat values, its input has the shape {self.shapes[value]}")
        alone = layer.kind == "NonlinearityLayer"
        return self.add(layer.name if alone else f"{layer.name}_{given.name}", op, value)


Builder = Callable[[Building, Layer, list[str]], str]
"""Adds the nodes of a layer that reads the given nodes, and returns the name of the last."""
