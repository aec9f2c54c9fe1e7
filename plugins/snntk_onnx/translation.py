"""What an operator's builder works with: values, the node being translated, and the graph so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snntk_core.layout import channels_first
from snntk_core.node import Node
from snntk_core.ops import Array, Op
from snntk_core.shapes import Shape, size
from snntk_onnx.tensors import Unsupported

BATCH = 1_000_003
"""Stands for the batch size in shape arithmetic: a prime, so that it survives or shows."""


ELEMENTS = 1 << 28  # of one sample of a value


@dataclass(frozen=True)
class Tensor:
    """A value computed from the network's input: the node that holds it, and its shape without batch."""

    node: str
    shape: Shape


@dataclass(frozen=True)
class Poison:
    """What a node with a problem would have given: ``computed`` from the network's input, or else a constant."""

    computed: bool


Value = Tensor | Array | Poison | None


@dataclass
class Translation:
    """The graph so far."""

    opset: int
    batch: int | None  # the fixed batch size the file declares
    nodes: list[Node] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)  # of nodes by name
    numbers: dict[str, int] = field(default_factory=dict)  # the last one given to a name that is taken
    shapes: dict[str, Shape] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)  # how many nodes of the file read the value of one of ours
    layers: dict[str, str] = field(default_factory=dict)  # of the source, with their kinds
    origin: tuple[str, ...] = ()  # the layer being translated

    def free_name(self, stem: str) -> str:
        """Return ``stem``, or ``stem`` with the first number that makes it new."""
        name, count = stem, self.numbers.get(stem, 1)
        while name in self.places:
            count += 1
            name = f"{stem}_{count}"
        self.numbers[stem] = count
        return name

    def append(self, *nodes: Node) -> Tensor:
        """Add nodes one after the other and return the value of the last.  Raises `ShapeError` if one does not fit."""
        for node in nodes:
            shape = node.op.infer(*(self.shapes[name] for name in node.inputs))
            if size(shape) > ELEMENTS:
                raise Unsupported(f"it makes samples of shape {shape}, which is too large")
            self.places[node.name] = len(self.nodes)
            self.nodes.append(replace(node, origin=self.origin))
            self.shapes[node.name] = shape
        return Tensor(nodes[-1].name, shape)

    def node(self, value: Tensor) -> Node:
        """Return the node behind a value."""
        return self.nodes[self.places[value.node]]

    def replace(self, value: Tensor, op: Op) -> None:
        """Put another op of the same output shape at the node behind a value."""
        node = self.node(value)
        self.nodes[self.places[value.node]] = replace(node, op=op, origin=(*node.origin, *self.origin))


@dataclass(frozen=True, eq=False)
class Call:
    """One node of the file, about to be translated."""

    translation: Translation
    name: str
    attributes: Mapping[str, Any]
    inputs: tuple[Value, ...]
    outputs: tuple[str, ...]  # empty where nobody reads it

    @property
    def opset(self) -> int:
        """The version of the operator set."""
        return self.translation.opset

    def given(self, index: int) -> bool:
        """Whether an optional input is there."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def tensor(self, index: int = 0) -> Tensor:
        """Return an input that is computed from the network's input."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if not isinstance(value, Tensor):
            raise Unsupported(f"input {index + 1} is a constant or missing, where data was expected")
        return value

    def constant(self, index: int, what: str) -> Array:
        """Return an input that must be known beforehand."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if not isinstance(value, np.ndarray):
            raise Unsupported(f"the {what} is computed while the network runs or missing; only constants are supported")
        return value

    def integers(self, attribute: str, input: int | None = None) -> Shape | None:
        """Return integers that newer versions take as an input and older ones as an attribute; None if not given."""
        if input is not None and self.given(input):
            return tuple(int(value) for value in self.constant(input, attribute).reshape(-1))
        values = self.attributes.get(attribute)
        return None if values is None else tuple(int(value) for value in values)

    def number(self, attribute: str, default: float) -> float:
        """Return a numeric attribute."""
        return float(self.attributes.get(attribute, default))

    def integer(self, attribute: str, default: int) -> int:
        """Return an integer attribute."""
        return int(self.attributes.get(attribute, default))

    def text(self, attribute: str, default: str) -> str:
        """Return a text attribute."""
        value = self.attributes.get(attribute, default)
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    def refuse_others(self, **allowed: object) -> None:
        """Raise `Unsupported` where an attribute has another value than the one that is supported."""
        for attribute, value in allowed.items():
            found = self.attributes.get(attribute, value)
            if found != value:
                raise Unsupported(f"the attribute {attribute} is {found!r}; only {value!r} is supported")

    def add(self, op: Op, *inputs: Tensor, suffix: str = "") -> Tensor:
        """Add a node named after the file's own and return its value."""
        name = self.translation.free_name(self.name + suffix)
        return self.translation.append(Node(name, op, tuple(value.node for value in inputs)))

    def add_channels_first(self, op: Op, value: Tensor) -> Tensor:
        """Add a channels-last op so that it takes and gives channels first."""
        name = self.translation.free_name(self.name)
        return self.translation.append(*channels_first(name, op, value.node, len(value.shape) - 1))
