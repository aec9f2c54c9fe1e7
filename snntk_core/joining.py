"""Several inputs as one: a graph reads one array, and each part of the network cuts its own out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from snntk_core.errors import DataError
from snntk_core.node import Node
from snntk_core.ops import Array, Input, Op, Pad, Reshape
from snntk_core.shapes import Shape, size

JOINED = "inputs"  # the name of the one input


@dataclass(frozen=True)
class JoinedInputs:
    """The inputs of a network, by name and shape of a sample, and how they become one.

    They are joined along ``axis`` (negative: from the end) where their other axes agree.  Where they do not, each is
    flattened, row by row, and they follow one another.  One input stays as it is.
    """

    names: tuple[str, ...]
    shapes: tuple[Shape, ...]
    axis: int = -1

    @property
    def along(self) -> int | None:
        """The axis of a sample along which they are joined; None where they are flattened."""
        rank = len(self.shapes[0])
        if any(len(shape) != rank for shape in self.shapes) or not -rank <= self.axis < rank:
            return None
        axis = self.axis % rank
        rest = {shape[:axis] + shape[axis + 1 :] for shape in self.shapes}
        return axis if len(rest) == 1 else None

    @property
    def shape(self) -> Shape:
        """The shape of one sample of the joined input."""
        first = self.shapes[0]
        if len(self.shapes) == 1:
            return first
        if self.along is None:
            return (sum(map(size, self.shapes)),)
        return (*first[: self.along], sum(self._lengths), *first[self.along + 1 :])

    @property
    def sentence(self) -> str:
        """Say what was joined and how, for `Graph.meta`; empty for one input."""
        if len(self.names) == 1:
            return ""
        spelled = [f"{name} {list(shape)}" for name, shape in zip(self.names, self.shapes, strict=True)]
        how = "flattened, one after the other" if self.along is None else f"joined along axis {self.along} of a sample"
        return f"{', '.join(spelled[:-1])} and {spelled[-1]}, {how}"

    @property
    def _lengths(self) -> tuple[int, ...]:
        """How much of the joined axis each takes."""
        along = self.along
        return tuple(size(shape) if along is None else shape[along] for shape in self.shapes)

    def nodes(self) -> tuple[tuple[Node, ...], tuple[str, ...]]:
        """Return the nodes that begin a graph, and for each input the name of the one that holds it.

        Nodes are named after the inputs; a number makes a name new that is taken.
        """
        names = _distinct([JOINED, *self.names] if len(self.names) > 1 else self.names)
        if len(self.names) == 1:
            return (Node(names[0], Input(self.shapes[0]), origin=self.names),), names
        nodes = [Node(names[0], Input(self.shape), origin=self.names)]
        taken = set(names)
        ends = list(accumulate(self._lengths))
        for index, (name, shape) in enumerate(zip(names[1:], self.shapes, strict=True)):
            cut = _cut(self.shape, self.along or 0, ends[index] - self._lengths[index], ends[index])
            origin = self.names[index : index + 1]
            if self.along is None and len(shape) != 1:
                part = next(stem for stem in _numbered(f"{name}_part") if stem not in taken)
                taken.add(part)
                nodes.append(Node(part, cut, (names[0],), origin=origin))
                nodes.append(Node(name, Reshape(shape), (part,), origin=origin))
            else:
                nodes.append(Node(name, cut, (names[0],), origin=origin))
        return tuple(nodes), names[1:]

    def split(self, batch: Array) -> tuple[Array, ...]:
        """Return the batch of each input: what `join` was given.  Raises `DataError` for a batch of another shape."""
        if len(self.shapes) == 1:
            return (batch,)
        if batch.shape[1:] != self.shape:
            raise DataError(f"The model takes samples of shape {self.shape} ({self.sentence}), got {batch.shape[1:]}.")
        axis = 1 + (self.along or 0)
        parts = np.split(batch, list(accumulate(self._lengths))[:-1], axis=axis)
        return tuple(part.reshape(len(batch), *shape) for part, shape in zip(parts, self.shapes, strict=True))

    def join(self, batches: Sequence[Array]) -> Array:
        """Return the batches of all inputs, in order, as one batch."""
        if len(batches) == 1:
            return batches[0]
        if self.along is None:
            return np.concatenate([batch.reshape(len(batch), -1) for batch in batches], axis=1)
        return np.concatenate(batches, axis=1 + self.along)


def _cut(shape: Shape, axis: int, start: int, stop: int) -> Op:
    """The op that keeps ``start`` to ``stop`` of an axis."""
    return Pad(tuple((-start, stop - n) if at == axis else (0, 0) for at, n in enumerate(shape)))


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}_{count}" for count in range(2, 1 << 31))


def _distinct(stems: Sequence[str]) -> tuple[str, ...]:
    """The names, each with the first number that makes it new."""
    names: dict[str, None] = {}
    for stem in stems:
        names[next(name for name in _numbered(stem) if name not in names)] = None
    return tuple(names)
