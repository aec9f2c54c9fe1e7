"""What a layer's builder works with: the layer, its inputs, and the graph so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snntk_core.layout import channels_first
from snntk_core.node import Node
from snntk_core.ops import Array, Op
from snntk_core.shapes import Shape, size
from snntk_keras.model import Unsupported, Variables, printable
from snntk_keras.structure import Layer

ELEMENTS = 1 << 28  # of one sample of a value
LENGTH = 1 << 16  # of a window, stride or padding
NODES = 1 << 16


@dataclass(frozen=True)
class Tensor:
    """A value computed from the network's input: the node that holds it, and its shape without batch."""

    node: str
    shape: Shape


Builder = Callable[["LayerCall"], Tensor]


@dataclass
class Translation:
    """The graph so far; ``custom`` says what unknown classes and activations stand for."""

    version: int
    backend: str
    custom: Mapping[str, str] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    sandwiched: bool = False
    layers: dict[str, str] = field(default_factory=dict)  # of the source, with their kinds
    origin: tuple[str, ...] = ()  # the layer being translated

    def free_name(self, stem: str) -> str:
        """Return ``stem``, or ``stem`` with the first number that makes it new."""
        name, count = stem or "layer", self.numbers.get(stem, 1)
        while name in self.shapes:
            count += 1
            name = f"{stem}_{count}"
        self.numbers[stem] = count
        return name

    def append(self, *nodes: Node) -> Tensor:
        """Add nodes one after the other and return the value of the last.  Raises `ShapeError` if one does not fit."""
        for node in nodes:
            shape = node.op.infer(*(self.shapes[name] for name in node.inputs))
            if size(shape) > ELEMENTS or len(self.nodes) >= NODES:
                raise Unsupported(f"it makes samples of shape {shape}, or a network, that is too large")
            self.nodes.append(replace(node, origin=self.origin))
            self.shapes[node.name] = shape
        return Tensor(nodes[-1].name, shape)


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One use of a layer, about to be translated."""

    translation: Translation
    layer: Layer
    name: str
    config: Mapping[str, Any]
    values: tuple[Any, ...]  # tensors, and numbers given as arguments
    variables: Variables

    @property
    def version(self) -> int:
        """The major version of Keras."""
        return self.translation.version

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The values computed from the network's input."""
        return tuple(value for value in self.values if isinstance(value, Tensor))

    @property
    def input(self) -> Tensor:
        """The only one of them."""
        if len(self.inputs) != 1:
            raise Unsupported(f"it takes one input, and {len(self.inputs)} are connected")
        return self.inputs[0]

    @property
    def first(self) -> bool:
        """Whether the layer takes and gives channels first."""
        layout = self.config.get("data_format") or "channels_last"
        if layout not in ("channels_first", "channels_last"):
            raise Unsupported(f"its data_format is {printable(layout)!r}")
        return bool(layout == "channels_first")

    @property
    def channels(self) -> int:
        """The number of channels of the input."""
        shape = self.input.shape
        if not shape:
            raise Unsupported("its input has no axes")
        return shape[0] if self.first else shape[-1]

    def add(self, op: Op, *inputs: Tensor, suffix: str = "") -> Tensor:
        """Add a node named after the layer and return its value."""
        name = self.translation.free_name(self.name + suffix)
        return self.translation.append(Node(name, op, tuple(value.node for value in inputs or (self.input,))))

    def add_spatial(self, op: Op, value: Tensor | None = None, *, suffix: str = "", last: bool = False) -> Tensor:
        """Add an op on (spatial axes, channels), in the layout of the layer."""
        value = value or self.input
        if last or not self.first:
            return self.add(op, value, suffix=suffix)
        self.translation.sandwiched = True
        name = self.translation.free_name(self.name + suffix)
        return self.translation.append(*channels_first(name, op, value.node, len(value.shape) - 1))

    def array(self, index: int, shape: Shape, what: str) -> Array:
        """Return one of the layer's arrays.  Raises `Unsupported` where it is missing or has another shape."""
        arrays = self.variables.arrays
        if index >= len(arrays):
            raise Unsupported(f"its {what} is missing from the file, which holds {len(arrays)} arrays for it")
        if arrays[index].shape != shape:
            raise Unsupported(f"its {what} has the shape {arrays[index].shape}, where {shape} is expected")
        return arrays[index]

    def expect_arrays(self, count: int) -> None:
        """Raise `Unsupported` where the file holds another number of arrays for the layer."""
        found = len(self.variables.arrays)
        if found != count:
            raise Unsupported(f"the file holds {found} arrays for it, where {count} are expected")

    def integer(self, key: str, default: int | None = None, *, least: int = 1) -> int:
        """Return a whole number."""
        value = self.config.get(key)
        value = default if value is None else value
        if isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= ELEMENTS:
            raise Unsupported(f"its {key} is {printable(value)!r}, not a whole number of at least {least}")
        return value

    def number(self, key: str, default: float) -> float:
        """Return a finite number."""
        return finite(self.config.get(key), key, default)

    def flag(self, key: str, default: bool) -> bool:
        """Return a truth value."""
        value = self.config.get(key)
        return default if value is None else bool(value)

    def window(self, key: str, rank: int, default: Any = None) -> Shape:
        """Return a whole number for each spatial axis, given as one or as a list."""
        value = self.config.get(key)
        value = default if value is None else value
        value = value if isinstance(value, list | tuple) else [value] * rank
        fits = len(value) == rank and all(type(item) is int and 1 <= item <= LENGTH for item in value)
        if not fits:
            raise Unsupported(f"its {key} is {printable(value)}, which does not fit {rank} spatial axes")
        return tuple(value)

    def require_rank(self, rank: int) -> None:
        """Raise `Unsupported` unless the input has so many spatial axes."""
        if len(self.input.shape) != rank + 1:
            raise Unsupported(f"it takes {rank} spatial axes and channels, and its input has shape {self.input.shape}")

    def with_config(self, **changes: Any) -> LayerCall:
        """Return the call with other settings."""
        return replace(self, config={**self.config, **changes})


def finite(value: Any, key: str, default: float) -> float:
    """Return a number of a configuration: plain, or an array of one that Keras 3 wrote as a table."""
    value = default if value is None else value
    while isinstance(value, dict):
        value = (value.get("config") or {}).get("value")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise Unsupported(f"its {key} is {printable(value)!r}, not a finite number")
    return float(value)


def constant(value: Any, what: str) -> Array:
    """Return a number or nested list of numbers, or a table in which Keras 3 wrote one, as an array."""
    while isinstance(value, dict):
        value = (value.get("config") or {}).get("value")
    try:
        array = np.asarray(value, np.float32)
    except (ValueError, TypeError) as error:
        raise Unsupported(f"its {what} is {printable(value)!r}, not numbers") from error
    if not np.isfinite(array).all():
        raise Unsupported(f"its {what} is not finite")
    return array
