"""What an operator's builder works with: values, the call being translated, and the graph so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snntk_core.layout import channels_first
from snntk_core.node import Node
from snntk_core.ops import Array, Op
from snntk_core.shapes import Shape, size
from snntk_torch.refusal import Unsupported

BATCH = 1_000_003
"""Stands for the batch size in shape arithmetic: a prime, so that it survives or shows."""

ELEMENTS = 1 << 28  # of one sample of a value


@dataclass(frozen=True)
class Tensor:
    """A value computed from the network's input: the node that holds it, and its shape without batch."""

    node: str
    shape: Shape


@dataclass(frozen=True)
class Magnitude:
    """``abs(x) + offset``, of which only a Softsign can be made."""

    tensor: Tensor
    offset: float = 0.0


@dataclass(frozen=True)
class Poison:
    """What an operation with a problem would have given: ``computed`` from the network's input, or else a constant."""

    computed: bool = True


Value = Any
"""A `Tensor`, a `Magnitude`, a `Poison`, an array, a number, a string, None, or a list of such."""


@dataclass
class Translation:
    """The graph so far.  ``batch``: the fixed batch size of the source, or None."""

    batch: int | None = None
    nodes: list[Node] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)  # of nodes by name
    numbers: dict[str, int] = field(default_factory=dict)  # the last one given to a name that is taken
    shapes: dict[str, Shape] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)  # places in the module tree, with the operators found there
    origin: tuple[str, ...] = ()  # the place being translated

    @property
    def batch_size(self) -> int:
        """What stands for the batch size in shapes."""
        return self.batch or BATCH

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
    """One operation about to be translated, its arguments by the names that PyTorch gives them."""

    translation: Translation
    name: str
    arguments: Mapping[str, Value]

    def given(self, key: str) -> bool:
        """Whether an optional argument is there."""
        return self.arguments.get(key) is not None

    def get(self, key: str, default: Value = None) -> Value:
        """Return an argument, or the default where it is missing or None."""
        value = self.arguments.get(key)
        return default if value is None else value

    def tensor(self, key: str = "self") -> Tensor:
        """Return an argument that is computed from the network's input."""
        value = self.arguments.get(key)
        if not isinstance(value, Tensor):
            raise Unsupported(f"its argument {key!r} is a constant or missing, where data was expected")
        return value

    def constant(self, key: str) -> Array:
        """Return an argument that must be known beforehand, as an array."""
        value = self.arguments.get(key)
        if isinstance(value, bool | int | float):
            return np.asarray(value, np.float32)
        if not isinstance(value, np.ndarray):
            raise Unsupported(f"its {key} is computed while the network runs or missing; only constants are supported")
        return value

    def number(self, key: str, default: float) -> float:
        """Return a numeric argument."""
        value = self.get(key, default)
        if isinstance(value, np.ndarray) and value.size == 1:
            return float(value.reshape(()))
        if not isinstance(value, bool | int | float):
            raise Unsupported(f"its argument {key!r} is not a number")
        return float(value)

    def integer(self, key: str, default: int) -> int:
        """Return an integer argument."""
        value = self.number(key, default)
        if value != int(value):
            raise Unsupported(f"its argument {key!r} is {value}, where a whole number was expected")
        return int(value)

    def flag(self, key: str, default: bool = False) -> bool:
        """Return an argument that is true or false."""
        return bool(self.integer(key, int(default)))

    def integers(self, key: str) -> Shape | None:
        """Return an argument of several integers, or one; None where it is missing."""
        value = self.arguments.get(key)
        if value is None:
            return None
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        if not all(isinstance(item, int | np.integer) and not isinstance(item, bool) for item in values):
            raise Unsupported(f"its argument {key!r} is not made of whole numbers known beforehand")
        return tuple(int(item) for item in values)

    def add(self, op: Op, *inputs: Tensor, suffix: str = "") -> Tensor:
        """Add a node named after the module or the operation and return its value."""
        name = self.translation.free_name(self.name + suffix)
        return self.translation.append(Node(name, op, tuple(value.node for value in inputs)))

    def add_channels_first(self, op: Op, value: Tensor, suffix: str = "") -> Tensor:
        """Add a channels-last op so that it takes and gives channels first."""
        name = self.translation.free_name(self.name + suffix)
        return self.translation.append(*channels_first(name, op, value.node, len(value.shape) - 1))
