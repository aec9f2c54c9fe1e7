"""What a node's value is in integers, and what refuses to be one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from snntk_core import Array, Node
from snntk_core.shapes import Shape
from snntk_integer.rationals import ZERO, floats

LARGEST = 2**31 - 1
Integers = tuple[Array, ...]
"""int32, one array (batch, *shape) for each term."""
Kernel = Callable[[Sequence[Integers]], Integers]
"""What a layer does with the integers of its inputs."""


@dataclass(frozen=True, eq=False)
class Term:
    """An int32 array times ``gain``: fractions above zero that broadcast onto the shape.  None leaves its bounds."""

    gain: Array
    lowest: int
    highest: int

    @property
    def reach(self) -> int:
        """The largest absolute value."""
        return max(abs(self.lowest), abs(self.highest))


@dataclass(frozen=True, eq=False)
class Value:
    """``value = sum over terms of gain * integer, + offset``: exactly, all of it fractions.

    There is more than one term where grids meet that have nothing in common, as in a sum of two branches.
    """

    terms: tuple[Term, ...]
    offset: Array = field(default_factory=lambda: ZERO)

    def decode(self, integers: Integers) -> Array:
        """Return the value in float64, each term rounded to it."""
        total = floats(self.offset)
        for term, array in zip(self.terms, integers, strict=True):
            total = total + floats(term.gain) * array
        return np.asarray(total)


@dataclass(frozen=True, eq=False)
class Place:
    """A node on its way to integers: what it reads, and the shapes."""

    node: Node
    values: tuple[Value, ...]
    shapes: tuple[Shape, ...]
    shape: Shape


class Refusal(Exception):
    """A layer that has no integers: why, and what to do."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem, self.remedy = problem, remedy
        Exception.__init__(self, problem)


def within(reach: int, remedy: str = "Use fewer bits or inputs.") -> None:
    """Raise `Refusal` unless 32 bits hold every sum whose parts add up to ``reach`` at most."""
    if reach > LARGEST:
        raise Refusal(f"its integers may reach {reach:.3g}, more than 32 bits hold.", remedy)
