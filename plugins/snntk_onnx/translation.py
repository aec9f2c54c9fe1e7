"""What an operator's builder works with: values, the node being translated, and the graph so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snntk_core.layout import channels_first
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, Op
from snntk_core.shapes import Shape, size
from snntk_onnx.tensors import Unsupported

Formats = Mapping[str, NumberFormat | None]
"""Of an op's arrays and of its output, by role."""

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


@dataclass(frozen=True, eq=False)
class Codes:
    """What QuantizeLinear makes of a value: ``clip(round(value / scale) + zero, ...)``, until it is turned back.

    ``lowest``, ``highest``: the codes that are possible.  ``axis``: along which ``scale`` and ``zero`` vary.
    """

    value: Tensor
    scale: Array
    zero: Array
    lowest: int
    highest: int
    axis: int


Value = Tensor | Array | Codes | Poison | None


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
    formats: dict[str, NumberFormat] = field(default_factory=dict)  # of constants of the file, by name
    notes: list[tuple[str, str]] = field(default_factory=list)  # quantized constants without a format, and why

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

    def replace(self, value: Tensor, op: Op, formats: Formats | None = None) -> None:
        """Put another op of the same output shape at the node behind a value; it keeps its formats and gets more."""
        node = self.node(value)
        kept = {**node.formats, **self.fitting(node.name, op, formats or {})}
        self.nodes[self.places[value.node]] = replace(node, op=op, formats=kept, origin=(*node.origin, *self.origin))

    def fitting(self, name: str, op: Op, formats: Formats) -> dict[str, NumberFormat]:
        """Return the formats that an op's arrays are kept in, and keep a note of those that they left."""
        kept = {}
        for role, number_format in formats.items():
            array = op.arrays.get(role)
            if number_format is None or (array is None and role != "output"):
                continue
            if array is not None and not (number_format.fits(array.shape) and number_format.honored_by(array)):
                self.notes.append((name, f"its {role} is computed from a quantized one"))
            else:
                kept[role] = number_format
        return kept


@dataclass(frozen=True, eq=False)
class Call:
    """One node of the file, about to be translated."""

    translation: Translation
    name: str
    attributes: Mapping[str, Any]
    inputs: tuple[Value, ...]
    outputs: tuple[str, ...]  # empty where nobody reads it
    formats: tuple[NumberFormat | None, ...] = ()  # of the inputs

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

    def codes(self) -> Codes:
        """Return the first input, which must be what a QuantizeLinear made."""
        value = self.inputs[0] if self.inputs else None
        if not isinstance(value, Codes):
            raise Unsupported("it reads no QuantizeLinear; only pairs of the two are supported on computed values")
        return value

    def format(self, index: int) -> NumberFormat | None:
        """Return the format of a constant input, if the file gives it one."""
        return self.formats[index] if index < len(self.formats) else None

    def note(self, reason: str) -> None:
        """Keep a note of a quantized constant whose format is lost; its values are not."""
        self.translation.notes.append((self.name, reason))

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

    def add(self, op: Op, *inputs: Tensor, suffix: str = "", formats: Formats | None = None) -> Tensor:
        """Add a node named after the file's own and return its value."""
        name = self.translation.free_name(self.name + suffix)
        kept = self.translation.fitting(name, op, formats or {})
        return self.translation.append(Node(name, op, tuple(value.node for value in inputs), kept))

    def add_channels_first(self, op: Op, value: Tensor, formats: Formats | None = None) -> Tensor:
        """Add a channels-last op so that it takes and gives channels first."""
        name = self.translation.free_name(self.name)
        before, node, after = channels_first(name, op, value.node, len(value.shape) - 1)
        kept = self.translation.fitting(name, op, formats or {})
        return self.translation.append(before, replace(node, formats=kept), after)
