"""What the writer keeps of a value: the NIR nodes that add up to it, its factor, and how its elements lie."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snntk_core.ops import Array
from snntk_core.shapes import Shape, size

ONE: Array = np.ones(())


@dataclass(frozen=True, eq=False)
class Value:
    """The sum of the outputs of NIR ``nodes``, times ``gain``; ``shape`` is ours, channels last.

    ``gain`` broadcasts onto ``shape``.  ``order``: of a flat value, NIR's element ``j`` is our element ``order[j]``;
    None where the elements are in the same order.
    """

    nodes: tuple[str, ...]
    shape: Shape
    gain: Array = field(default_factory=lambda: ONE)
    order: Array | None = None

    @property
    def first(self) -> Shape:
        """The shape in NIR: channels first."""
        return (*self.shape[-1:], *self.shape[:-1])

    @property
    def by_channel(self) -> bool:
        """Whether the gain is the same at every place of a channel."""
        return self.gain.size in (1, *self.gain.shape[-1:])

    def arranged(self, array: Array) -> Array:
        """Return an array that broadcasts onto our shape as a full one in NIR's shape and order."""
        full = np.broadcast_to(array, self.shape)
        if self.order is not None:
            return full[self.order]
        return np.ascontiguousarray(np.moveaxis(full, -1, 0))


@dataclass
class Writing:
    """The NIR graph so far.  ``nir``: the library; ``dt``: how long a step is."""

    nir: Any
    dt: float
    nodes: dict[str, Any] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)

    def add(self, stem: str, node: Any, reads: tuple[str, ...]) -> str:
        """Add a node that reads others and return its name: HDF5 takes no slash, and torch modules no dot."""
        clean = "".join("_" if c in "/. " or not c.isprintable() else c for c in stem) or "node"
        name, count = clean, 1
        while name in self.nodes:
            count += 1
            name = f"{clean}_{count}"
        self.nodes[name] = node
        self.edges += [(before, name) for before in reads]
        return name

    def plain(self, stem: str, value: Value) -> Value:
        """Return the value with a gain of one, multiplied by a Scale node if need be."""
        if np.all(value.gain == 1):
            return replace(value, gain=ONE)
        scale = self.nir.Scale(scale=value.arranged(value.gain.astype(np.float32)))
        return Value((self.add(f"{stem}_scale", scale, value.nodes),), value.shape, order=value.order)

    def copied(self, stem: str, value: Value) -> Value:
        """Return the value behind one node of its own."""
        scale = self.nir.Scale(scale=value.arranged(np.ones(value.shape, np.float32)))
        return replace(value, nodes=(self.add(f"{stem}_copy", scale, value.nodes),))

    def in_our_order(self, stem: str, value: Value) -> Value:
        """Return a flat value whose elements lie as ours, by an Affine node that reorders them if need be."""
        if value.order is None:
            return value
        count = size(value.shape)
        weight = np.zeros((count, count), np.float32)
        weight[value.order, np.arange(count)] = 1
        node = self.nir.Affine(weight=weight, bias=np.zeros(count, np.float32))
        return replace(value, nodes=(self.add(f"{stem}_reorder", node, value.nodes),), order=None)
