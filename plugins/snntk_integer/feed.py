"""How integers stand for what a network reads."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from snntk_core import Array, FakeQuantize, Graph
from snntk_core.errors import DataError
from snntk_core.shapes import Shape
from snntk_integer.rationals import exact
from snntk_integer.value import Refusal, Term, Value

NEAR = 1e-3


@dataclass(frozen=True, eq=False)
class Feed:
    """``a = scale * x + shift``, a whole number from ``lowest`` to ``highest``; ``shift`` itself stands for zero.

    ``scale`` is a fraction, so the network that is computed is that of ``x = (a - shift) / scale`` exactly.
    ``shape``: that of a sample in the model's own layout; ``order`` brings its channels last.
    """

    shape: Shape
    order: Shape
    scale: Fraction
    shift: int
    lowest: int
    highest: int

    @property
    def value(self) -> Value:
        """What the first integers, ``a - shift``, stand for."""
        term = Term(np.array([1 / self.scale], object), self.lowest - self.shift, self.highest - self.shift)
        return Value((term,))

    def encode(self, batch: Array) -> Array:
        """Return samples ``(n, *shape)`` as integers; raises `DataError` where they are none or out of range."""
        fed = np.asarray(batch, np.float64) * float(self.scale) + self.shift
        codes = np.rint(fed)
        worst = float(np.abs(fed - codes).max(initial=0.0))
        if worst > NEAR:
            raise DataError(
                f"The samples are no integers under {float(self.scale):g} * x + {self.shift}: they are {worst:.2g} "
                "off. Say by input_scale and input_shift how they were made of integers."
            )
        return self.checked(codes.astype(np.int64))

    def checked(self, codes: Array) -> Array:
        """Return integers ``(n, *shape)`` as they are; raises `DataError` for others."""
        codes = np.asarray(codes)
        if codes.dtype.kind not in "biu" or codes.shape[1:] != self.shape or not len(codes):
            shape = ", ".join(map(str, self.shape))
            raise DataError(f"Integers of shape (n, {shape}) are fed, got {codes.dtype} values of shape {codes.shape}.")
        if codes.min() < self.lowest or codes.max() > self.highest:
            raise DataError(
                f"Integers from {self.lowest} to {self.highest} are fed, got {codes.min()} to {codes.max()}."
            )
        return codes

    def first(self, codes: Array) -> Array:
        """Return the first integers of the network, int32 and channels last."""
        moved = (codes.astype(np.int64) - self.shift).astype(np.int32)
        return moved.transpose(0, *(axis + 1 for axis in self.order)) if self.order else moved


def feed_of(graph: Graph, scale: float | None, shift: int, bits: int) -> Feed:
    """Return how a network is fed: as told, or on the grid that it rounds its input to, else by whole numbers.

    Raises `Refusal` where both say so.
    """
    op = graph.source.op
    shape, order = graph.input_shape, getattr(op, "order", ())
    users = graph.users(graph.source.name)
    own = users[0].op if len(users) == 1 and isinstance(users[0].op, FakeQuantize) else None
    if own is None or own.step.size > 1 or scale is not None:
        return Feed(shape, order, Fraction(1 if scale is None else scale), shift, 0, 2**bits - 1)
    if shift:
        raise Refusal("it is rounded to a grid of its own, which has no shift.", "Leave input_shift as it is.")
    return Feed(shape, order, 1 / exact(own.step).item(), 0, own.lowest, own.highest)
