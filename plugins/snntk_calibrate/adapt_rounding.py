"""adapt-rounding: weights are rounded up or down so that each layer's outputs stay, not the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from snntk_calibrate.design import Design
from snntk_calibrate.rounding import Choice, Learning, rounded
from snntk_calibrate.squares import Squares
from snntk_calibrate.walking import READS, Layer, Reads, walked
from snntk_core import Array, Context, Graph, Node, NumberFormat, Preserves, Stage, Transform, option


@dataclass(frozen=True)
class AdaptRounding(Transform):
    """``w' = step * clip(floor(w / step) + h)``, ``h`` zero or one, with the least ``mean((y' - y)^2)`` in each layer.

    ``y`` is what the float layer puts out on calibration samples, ``y'`` the quantized layer; steps stay as they are.
    Each ``h`` is learned as a number between that a growing penalty drives to zero or one (AdaRound), over the sums
    of products of a layer's inputs, so an iteration costs no pass over the samples.  Then weights change sides one at a
    time while that lowers the error.  No output's error is above that of nearest rounding; what stays at nearest
    rounding is noted.  Source: Nagel 2020; cnn2snn's is ``reads = "quantized"``.
    """

    name: ClassVar[str] = "adapt-rounding"
    stage: ClassVar[Stage] = Stage.QUANTIZE
    preserves: ClassVar[Preserves] = Preserves.NOTHING
    needs_calibration: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, object]] = MappingProxyType({"iterations": 20})
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    install: ClassVar[str] = 'pip install "snntk[torch]"'

    layers: str = option("*", "pattern of the layers' names")
    reads: Reads = option("float", READS)
    iterations: int = option(300, "steps of the optimizer for each layer")
    rate: float = option(0.1, "learning rate of Adam")
    regularization: float = option(10.0, "weight of the penalty for values between two codes")
    sweeps: int = option(4, "at most so many rounds of changing weights one at a time")
    seed: int = option(0, "seed of the optimizer")

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.sweeps < 0 or not self.rate > 0 or self.regularization < 0 or self.seed < 0:
            raise ValueError("iterations and rate lie above 0, sweeps, regularization and seed are not negative")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with other codes for its weights.

        Raises `MissingLibrary` without torch, and `Incompatible` for a quantized network whose float network is not
        known.
        """
        self.require()
        learning = Learning(self.iterations, self.rate, self.regularization, self.sweeps, self.seed)
        kept: list[str] = []
        after = walked(
            graph, context, self.name, self.layers, self.reads, lambda layer: _adapted(layer, learning, kept)
        )
        if kept:
            context.note(f"Nearest rounding stays, as no other was better: {', '.join(kept)}.")
        return after


def _adapted(layer: Layer, learning: Learning, kept: list[str]) -> Node:
    """Return the node with the better codes, channel by channel."""
    node, found = layer.node, layer.node.formats["weight"]
    design, original = Design.of(layer.floating), layer.floating.arrays["weight"]
    if found.is_sign:
        kept.append(f"{node.name} (one bit)")
        return node
    choice = Choice.of(
        design.matrix(original).astype(np.float64), _steps(design, found, original), found.lowest, found.highest
    )
    squares = Squares.of(layer, design, choice.weight)
    nearest = design.matrix(found.encode(original)).astype(np.float64)
    codes = rounded(choice, squares, nearest, learning)
    if np.array_equal(codes, nearest):
        kept.append(node.name)
    weight = found.decode(design.weight(codes).astype(np.int64))
    return replace(node, op=replace(node.op, weight=weight))  # type: ignore[call-arg]


def _steps(design: Design, found: NumberFormat, weight: Array) -> Array:
    """Return the step of each weight, as a matrix."""
    return design.matrix(found.decode(np.ones(weight.shape, np.int64))).astype(np.float64)
