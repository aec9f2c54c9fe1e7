"""Views: how an old value follows from a new one, and the rewrite that remembers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np

from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import Array, Concat, Flatten, Op, Pad, Reshape, Transpose
from snntk_core.shapes import Shape, size

Piece = tuple[Shape, Shape]
"""(shape, order): a run of elements that is transposed by ``order`` once it has ``shape``."""


@dataclass(frozen=True)
class AxesView:
    """Old axis ``i`` is new axis ``order[i]``."""

    order: Shape

    @property
    def plain(self) -> bool:
        """Whether old and new are the same."""
        return self.order == tuple(range(len(self.order)))

    @property
    def inverse(self) -> Shape:
        """New axis ``i`` is old axis ``inverse[i]``."""
        return tuple(self.order.index(axis) for axis in range(len(self.order)))


@dataclass(frozen=True)
class FlatView:
    """The old elements are pieces one after the other, each made of the new elements of its own run."""

    pieces: tuple[Piece, ...]
    plain = False

    @property
    def index(self) -> Array:
        """Old element ``j`` is new element ``index[j]``."""
        starts = accumulate((size(shape) for shape, _ in self.pieces), initial=0)
        return np.concatenate(
            [
                start + np.arange(size(shape)).reshape(shape).transpose(order).ravel()
                for start, (shape, order) in zip(starts, self.pieces, strict=False)
            ]
        )


View = AxesView | FlatView


@dataclass(frozen=True)
class Value:
    """The new node ``name``, seen through ``view``."""

    name: str
    view: View


def plain_view(rank: int) -> AxesView:
    """Return the view under which old and new are the same."""
    return AxesView(tuple(range(rank)))


def keeps_elements(shape: Shape, order: Shape) -> bool:
    """Whether transposing ``shape`` by ``order`` moves only axes of length one, so that no element moves."""
    long = [axis for axis in order if shape[axis] != 1]
    return long == sorted(long)


def flat_view(pieces: Sequence[Piece]) -> View:
    """Return the view of a flat value made of ``pieces``; the plain one where no element moves."""
    if all(keeps_elements(shape, order) for shape, order in pieces):
        return plain_view(1)
    return FlatView(tuple(pieces))


def reordered(array: Array, view: View) -> Array:
    """Return an array that broadcasts onto the old value as one that broadcasts onto the new value."""
    if array.size == 1 or view.plain:
        return array
    if isinstance(view, FlatView):
        moved = np.empty_like(array)
        moved[view.index] = array
        return moved
    full = array.reshape((1,) * (len(view.order) - array.ndim) + array.shape).transpose(view.inverse)
    lead = next(axis for axis, length in enumerate(full.shape) if length != 1)
    return full.reshape(full.shape[lead:])


@dataclass
class Rewrite:
    """The new nodes so far, and for every old name its value.  ``order`` permutes the data where it enters."""

    graph: Graph
    order: Shape = ()
    nodes: list[Node] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    made: dict[Value, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def shape(self, name: str) -> Shape:
        """Return the shape of an old value."""
        return self.graph.shapes[name]

    def keep(self, node: Node, inputs: Sequence[str], view: View, op: Op | None = None) -> Value:
        """Keep an old node under its name, reading new ``inputs``; ``view`` tells how the old value follows from it."""
        self.nodes.append(replace(node, op=op or node.op, inputs=tuple(inputs)))
        return Value(node.name, view)

    def plain(self, name: str) -> str:
        """Return the new node that holds exactly the old value, written out once if there is none."""
        value = self.values[name]
        if value.view.plain:
            return value.name
        if value not in self.made:
            stem, first = f"{value.name}_transposed", len(self.nodes)
            if isinstance(value.view, AxesView):
                self.made[value] = self._add(stem, Transpose(value.view.order), value.name)
            else:
                self.made[value] = self._transpose_pieces(stem, value.name, value.view.pieces)
            self.nodes[first:] = [replace(node, origin=self.graph[name].origin) for node in self.nodes[first:]]
        return self.made[value]

    def _transpose_pieces(self, stem: str, name: str, pieces: Sequence[Piece]) -> str:
        total, start, parts = sum(size(shape) for shape, _ in pieces), 0, []
        for shape, order in pieces:
            stop, part = start + size(shape), name
            if len(pieces) > 1:
                part = self._add(f"{name}_part", Pad(((-start, stop - total),)), name)
            shaped = self._add(f"{name}_shaped", Reshape(shape), part)
            parts.append(self._add(stem, Flatten(), self._add(stem, Transpose(order), shaped)))
            start = stop
        return parts[0] if len(parts) == 1 else self._add(stem, Concat(0), *parts)

    def _add(self, stem: str, op: Op, *inputs: str) -> str:
        name, count = self.graph.free_name(stem), 2
        while name in self.taken or name in self.graph:
            name, count = f"{stem}_{count}", count + 1
        self.taken.add(name)
        self.nodes.append(Node(name, op, inputs))
        return name
