"""What a node's builder works with: the graph so far, and what the file or the user says about time and reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snntk_core.layout import channels_first
from snntk_core.node import Node
from snntk_core.ops import Array, Op
from snntk_core.shapes import Shape, broadcast_fits, size
from snntk_nir.refusal import Refused, printable

ELEMENTS = 1 << 28  # of one sample of a value
WHOLE = 1 << 28


@dataclass(frozen=True)
class Reading:
    """What NIR does not say, as the user or the file's metadata says it; None where neither does."""

    reset: str | None
    dt: float | None
    readout: str
    metadata: Mapping[str, Any]


@dataclass
class Translation:
    """The graph so far; ``assumed`` collects what nobody said."""

    reading: Reading
    nodes: list[Node] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    assumed: dict[str, None] = field(default_factory=dict)
    origin: tuple[str, ...] = ()  # the NIR node being converted

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


@dataclass(frozen=True, eq=False)
class Entry:
    """One node of the file: its name and what is stored of it."""

    name: str
    fields: Mapping[str, Any]

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the writer left about this node."""
        found = self.fields.get("metadata", {})
        return found if isinstance(found, Mapping) else {}

    def array(self, key: str) -> Array:
        """Return an array of numbers as 32-bit floats, or as they are where they are 64-bit."""
        value = self.fields.get(key)
        array = np.asarray(value)
        if value is None or array.dtype.kind not in "fiub":
            raise Refused(f"its {key} is missing or holds no numbers")
        return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)

    def number(self, key: str) -> float | None:
        """Return a number of the metadata; None where there is none."""
        return one_number(self.metadata.get(key), key)

    def text(self, key: str, allowed: tuple[str, ...]) -> str | None:
        """Return a word of the metadata; None where there is none."""
        return one_word(self.metadata.get(key), key, allowed)

    def integers(self, key: str, rank: int, default: int | None = None) -> Shape:
        """Return one whole number for each axis; a single one stands for all."""
        given = self.fields.get(key, default)
        array = np.asarray(given)
        if array.dtype.kind not in "iuf" or array.size not in (1, rank) or not np.all(np.abs(array) < WHOLE):
            raise Refused(f"its {key} is {printable(given)}, {rank} whole numbers are expected")
        if np.any(array != np.floor(array)) or np.any(array < 0):
            raise Refused(f"its {key} is {printable(given)}, which cannot be")
        return tuple(int(value) for value in np.broadcast_to(array.reshape(-1), (rank,)))

    def broadcast(self, key: str, shape: Shape) -> Array:
        """Return an array that holds one value for each neuron, as small as it can be: one value, or one a channel."""
        array = self.array(key)
        if array.size != 1 and not broadcast_fits(array.shape, shape):
            raise Refused(f"its {key} has the shape {array.shape}, its input {shape}")
        return compact(array, shape)


def one_number(value: Any, key: str) -> float | None:
    """Return a number; None stays None."""
    if value is None:
        return None
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.size != 1 or not np.isfinite(array).all():
        raise Refused(f"its {key} is {printable(value)}, a number is expected")
    return float(array.reshape(()))


def one_word(value: Any, key: str, allowed: tuple[str, ...]) -> str | None:
    """Return one of the words that are allowed; None stays None."""
    word = value.decode(errors="replace") if isinstance(value, bytes) else value
    if word is None:
        return None
    if word not in allowed:
        raise Refused(f"its {key} is {printable(word)!r}, one of {', '.join(allowed)} is expected")
    return str(word)


def compact(array: Array, shape: Shape) -> Array:
    """Return an array for channels-first values with every axis of equal values cut to one."""
    if array.size <= 1 or np.all(array == array.flat[0]):
        return array.reshape(-1)[:1].reshape(())
    full = np.broadcast_to(array, shape)
    channels = full.reshape(shape[0], -1)
    if len(shape) > 1 and np.all(channels == channels[:, :1]):
        return channels[:, 0].reshape(-1, *(1,) * (len(shape) - 1))
    return full
