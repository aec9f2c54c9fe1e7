"""Random small networks: what rewrites, spike codes and simulators are tested on.

Every op of the analog vocabulary turns up over time.  One generator state gives one graph, on any machine.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from snntk_core.errors import ShapeError
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import Add, Array, Concat, Multiply, Op, Subtract
from snntk_core.shapes import Shape
from snntk_core.testing.random_ops import (
    Draw,
    Rng,
    activation,
    average_pool,
    batch_norm,
    chosen,
    classifier,
    convolution,
    dense,
    depthwise,
    flatten,
    global_pool,
    max_pool,
    pointwise,
    random_input,
    rectifier,
    same_shape,
    scale,
    structure,
    transposed,
)

LARGEST = 600  # elements of the largest feature map: a test evaluates hundreds of graphs

WEIGHTED: tuple[Draw, ...] = (convolution, convolution, pointwise, depthwise, transposed, dense)
POOLS: tuple[Draw, ...] = (average_pool, max_pool)
SHAPELESS: tuple[Draw, ...] = (same_shape, activation, batch_norm, scale)
MOVES: tuple[Draw, ...] = (structure, structure, flatten, global_pool)
JOINS: tuple[Op, ...] = (Add(), Concat(), Concat(0), Subtract(), Multiply())
ANY: tuple[Draw, ...] = (*WEIGHTED, *POOLS, *SHAPELESS, *MOVES, activation, batch_norm)


def random_graph(
    rng: Rng, *, spiking_friendly: bool = False, depth: int = 8, dtype: type[np.floating[Any]] = np.float64
) -> Graph:
    """Return a valid random analog graph of about ``depth`` ops on a vector, a sequence or an image.

    Weights are ``dtype``, by default float64, so that a test sees errors and not rounding.  ``spiking_friendly``: only
    what a rate code converts, that is weighted ops each followed by a ReLU or a ReLU clipped at a scalar, pooling of
    what these put out, Add, Concat, and a Dense at the end with or without a nonlinearity of the readout.
    """
    growth = _Growth(rng, np.dtype(dtype))
    growth.begin()
    while len(growth.nodes) < depth:
        if spiking_friendly:
            growth.add_layer()
        else:
            growth.add_anything()
    if spiking_friendly or rng.random() < 0.6:
        growth.try_op(flatten)
        growth.try_op(dense)
    growth.try_op(classifier)
    outputs = dict.fromkeys([growth.tip, *growth.outputs])
    return Graph(tuple(growth.nodes), tuple(outputs)).without_unused().verify()


def random_batch(rng: Rng, graph: Graph, samples: int = 3) -> Array:
    """Return float64 samples between zero and one in the graph's own layout."""
    return rng.uniform(size=(samples, *graph.input_shape))


class _Growth:
    """A graph under construction; ``tip`` is what the next op reads."""

    def __init__(self, rng: Rng, dtype: np.dtype[np.floating[Any]]) -> None:
        self.rng, self.dtype = rng, dtype
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {}
        self.outputs: list[str] = []
        self.tip = ""

    def begin(self) -> None:
        """Draw the input."""
        self._append(random_input(self.rng), ())

    def try_op(self, draw: Draw) -> bool:
        """Append a drawn op at the tip, unless the shape does not take it or the result is too large."""
        try:
            op = draw(self.rng, self.shapes[self.tip])
            shape = op.infer(self.shapes[self.tip])
        except ShapeError:
            return False
        if not 0 < prod(shape) <= LARGEST or min(shape) < 1:
            return False
        self._append(op, (self.tip,))
        return True

    def add_anything(self) -> None:
        """Append any op or two branches; what is reached so far becomes a second output once in a while."""
        if self.rng.random() < 0.15:
            self._add_branches(
                (same_shape, activation, batch_norm, scale), (Add(), Concat(), Concat(0), Subtract(), Multiply())
            )
        else:
            self.try_op(chosen(self.rng, ANY))
        if self.rng.random() < 0.02:
            self.outputs.append(self.tip)

    def add_layer(self) -> None:
        """Append a weighted op and an activation, perhaps two side by side, perhaps pooled."""
        if self.rng.random() < 0.25:
            self._add_branches((same_shape,), (Add(), Concat()), then=rectifier)
        elif self.try_op(chosen(self.rng, WEIGHTED)):
            self.try_op(rectifier)
        else:
            return
        if self.rng.random() < 0.4:
            self.try_op(chosen(self.rng, POOLS))

    def _add_branches(self, draws: tuple[Draw, ...], joins: tuple[Op, ...], then: Draw | None = None) -> None:
        start, ends = self.tip, []
        for _ in range(2):
            self.tip = start
            self.try_op(chosen(self.rng, draws))
            if then is not None:
                self.try_op(then)
            ends.append(self.tip)
        self._append(joins[int(self.rng.integers(len(joins)))], tuple(ends))

    def _append(self, op: Op, inputs: tuple[str, ...]) -> None:
        self.tip = f"{type(op).__name__.lower()}{len(self.nodes)}"
        cast = replace(op, **{name: array.astype(self.dtype) for name, array in op.arrays.items()})
        self.nodes.append(Node(self.tip, cast, inputs))
        self.shapes[self.tip] = op.infer(*(self.shapes[name] for name in inputs))
