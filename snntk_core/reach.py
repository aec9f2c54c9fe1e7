"""Which positions of a feature map are reached from which positions of another, kept in factors.

A factor relates one axis to one axis; reach over several axes is the product of their factors, so no matrix of units
by units is built, whatever the size of the map.  Structure alone counts: a weight that is zero is still a synapse.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import prod

import numpy as np

from snntk_core.ops.base import Array
from snntk_core.shapes import Shape

Atom = tuple[int, int]
"""A source axis or a part of one: its length, and its stride in the flat source."""


class UnfactoredError(Exception):
    """Reach that is no product of factors; it has to be counted unit by unit."""


@dataclass(frozen=True, eq=False)
class Factor:
    """``matrix[i, j]``: position ``i`` of ``length`` is reached from position ``j`` of the ``source`` atoms.

    A matrix of None is the identity.  A factor without source is reached from everywhere.
    """

    length: int
    source: tuple[Atom, ...] = ()
    matrix: Array | None = None

    def key(self) -> Hashable:
        """Return what is equal for equal factors."""
        if self.matrix is None:
            return self.length, self.source
        return self.length, self.source, np.packbits(self.matrix.astype(bool)).tobytes()

    def outgoing(self) -> Array:
        """Return how many positions each source position reaches."""
        return np.ones(self.length, np.int64) if self.matrix is None else self.matrix.sum(axis=0, dtype=np.int64)

    def incoming(self) -> Array:
        """Return from how many source positions each position is reached."""
        return np.ones(self.length, np.int64) if self.matrix is None else self.matrix.sum(axis=1, dtype=np.int64)

    def collapsed(self) -> Factor:
        """Return whether each source position reaches anything: a factor of length one."""
        reached = np.ones(self.length, bool) if self.matrix is None else self.matrix.any(axis=0)
        return Factor(1, self.source, np.reshape(reached, (1, -1)))

    def mapped(self, matrix: Array) -> Factor:
        """Return the factor followed by ``matrix`` (positions after, positions before)."""
        if self.matrix is not None:
            matrix = matrix.astype(np.float32) @ self.matrix.astype(np.float32) > 0
        return Factor(len(matrix), self.source, matrix)

    def split(self, first: int) -> tuple[Factor, Factor]:
        """Return two factors, the first of length ``first``, whose product this is."""
        second = self.length // first
        if self.length % first:
            raise UnfactoredError
        if self.matrix is None and len(self.source) == 1:
            stride = self.source[0][1]
            return Factor(first, ((first, stride * second),)), Factor(second, ((second, stride),))
        if self.matrix is not None and (self.matrix == self.matrix[:1]).all():
            return spread(first), replace(self, length=second, matrix=self.matrix[:second])
        raise UnfactoredError


def spread(length: int) -> Factor:
    """Return a factor that is reached at each position, from everywhere."""
    return Factor(length, (), np.ones((length, 1), bool))


def _product(first: Factor, second: Factor) -> Factor:
    length, source = first.length * second.length, first.source + second.source
    if first.matrix is None and second.matrix is None:
        return Factor(length, source)
    left = np.eye(first.length, dtype=bool) if first.matrix is None else first.matrix
    right = np.eye(second.length, dtype=bool) if second.matrix is None else second.matrix
    return Factor(length, source, np.kron(left, right))


@dataclass(frozen=True, eq=False)
class Reach:
    """For every axis of the present shape the factors whose lengths multiply to its length, row by row."""

    axes: tuple[tuple[Factor, ...], ...]

    @classmethod
    def start(cls, shape: Shape) -> Reach:
        """Return the reach of a map onto itself."""
        strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
        return cls(tuple((Factor(n, ((n, stride),)),) for n, stride in zip(shape, strides, strict=True)))

    def key(self) -> Hashable:
        """Return what is equal for reaches that are written alike."""
        return tuple(tuple(factor.key() for factor in axis) for axis in self.axes)

    def mapped(self, axis: int, matrix: Array) -> Reach:
        """Return the reach with one axis followed by ``matrix``."""
        scalars = tuple(factor for factor in self.axes[axis] if factor.length == 1)
        main = reduce(_product, (factor for factor in self.axes[axis] if factor.length > 1), Factor(1))
        return self._with(axis, (*scalars, main.mapped(matrix)))

    def collapsed(self, axis: int) -> Reach:
        """Return the reach with one axis gathered into length one."""
        return self._with(axis, tuple(factor.collapsed() for factor in self.axes[axis]))

    def dense(self, axis: int, units: int) -> Reach:
        """Return the reach with one axis fully connected to ``units`` positions."""
        return self._with(axis, (*self.collapsed(axis).axes[axis], spread(units)))

    def reshaped(self, shape: Shape) -> Reach:
        """Return the reach under another shape; raises `UnfactoredError` where the new axes cut across a factor."""
        waiting = [factor for axis in self.axes for factor in axis]
        axes = []
        for length in shape:
            taken: list[Factor] = []
            while (room := length // prod(factor.length for factor in taken)) > 1:
                factor = waiting.pop(0)
                if room % factor.length:
                    factor, rest = factor.split(room)
                    waiting.insert(0, rest)
                taken.append(factor)
            axes.append(taken)
        axes[-1] += waiting
        return Reach(tuple(tuple(axis) for axis in axes))

    def permuted(self, order: Sequence[int]) -> Reach:
        """Return the reach with its axes in another order."""
        return Reach(tuple(self.axes[axis] for axis in order))

    def outgoing(self, shape: Shape) -> Array:
        """Return how many positions each source position reaches, in the source's ``shape``."""
        factors = [factor for axis in self.axes for factor in axis]
        atoms = sorted((atom for factor in factors for atom in factor.source if atom[0] > 1), key=lambda atom: -atom[1])
        total = np.ones((1,) * len(atoms), np.int64)
        for factor in factors:
            own = [atom for atom in factor.source if atom[0] > 1]
            counts = factor.outgoing().reshape([atom[0] for atom in own])
            counts = counts.transpose(sorted(range(len(own)), key=lambda i: -own[i][1]))
            total = total * counts.reshape([atom[0] if atom in own else 1 for atom in atoms])
        return total.reshape(shape)

    def incoming(self) -> Array:
        """Return from how many source positions each position of the present shape is reached."""
        return reduce(np.multiply.outer, (self._incoming(axis) for axis in self.axes))

    def _incoming(self, axis: tuple[Factor, ...]) -> Array:
        return reduce(np.kron, (factor.incoming() for factor in axis))

    def _with(self, axis: int, factors: tuple[Factor, ...]) -> Reach:
        axes = list(self.axes)
        axes[axis] = factors
        return Reach(tuple(axes))
