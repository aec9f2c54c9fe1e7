"""Normalization: every activation's usual largest value becomes one, and the network stays the same function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_core import (
    Array,
    ClippedRelu,
    Context,
    FakeQuantize,
    Graph,
    Op,
    Preserves,
    QuantizedRelu,
    Relu,
    Stage,
    Transform,
    collect,
    option,
)
from snntk_core.quantized_output import largest_output
from snntk_rate.rescaling import rescaled

SNAP = 1e-5  # a scale this close to one is one: normalizing twice changes nothing


@dataclass(frozen=True)
class NormalizeActivations(Transform):
    """``W <- W * scale_before / scale``, ``b <- b / scale``: activations reach one at a percentile of calibration data.

    ``scale`` is the percentile of an activation's values above zero, for each channel or for the whole layer; the bound
    of a clipped or quantized activation is its largest scale.  Where branches of different scales meet in an Add, the
    one that has no weights of its own gets a Scale, so residual networks keep their function; through Concat, pooling
    and Flatten the scales are carried along.  The output keeps its scale.  Grids stay grids where all inputs of a layer
    are scaled alike; in a network that rounds, scales are powers of two.  Source: Rueckauer 2017 (percentile), Kim
    2020 (channels).
    """

    name: ClassVar[str] = "normalize-activations"
    stage: ClassVar[Stage] = Stage.NORMALIZE
    preserves: ClassVar[Preserves] = Preserves.SCALE
    needs_calibration: ClassVar[bool] = True

    percentile: float = option(99.9, "percentile of the positive activations that becomes one")
    per: Literal["channel", "layer"] = option("channel", "one scale for each channel, or one for the layer")

    def __post_init__(self) -> None:
        if not 50 <= self.percentile <= 100:
            raise ValueError(f"percentile lies between 50 and 100, got {self.percentile}")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with rescaled weights."""
        if context.calibration is None:
            raise ValueError("normalize-activations needs calibration samples")
        scales = self.scales(graph, context.calibration)
        if all((scale == 1).all() for scale in scales.values()):
            return graph
        return rescaled(graph, scales)

    def scales(self, graph: Graph, calibration: Array) -> Mapping[str, Array]:
        """Return the scale of every rectified activation: (channels,)."""
        names = [node.name for node in graph if isinstance(node.op, Relu | ClippedRelu | QuantizedRelu)]
        statistics = collect(graph, calibration, names, percentile=self.percentile, per=self.per)
        found = {}
        rounds = any(isinstance(node.op, QuantizedRelu | FakeQuantize) for node in graph)
        for name in names:
            quantile = statistics[name].quantile(self.percentile, per=self.per)
            scale = np.broadcast_to(quantile, graph.shapes[name][-1:]).astype(np.float64)
            usable = _usable(scale, graph[name].op)
            # a power of two moves no value to another side of a tie
            found[name] = np.exp2(np.ceil(np.log2(usable))) if rounds else usable
        return found


def _usable(scale: Array, op: Op) -> Array:
    """Return positive scales: a channel that stayed silent gets the layer's largest, a bound is never exceeded."""
    largest = scale.max(initial=0.0)
    scale = np.where(scale > 0, scale, largest if largest > 0 else 1.0)
    upper = largest_output(op)
    if upper is not None and np.all(upper > 0):
        scale = np.minimum(scale, upper.reshape(-1) if upper.size in (1, scale.size) else upper.min())
    return np.where(np.abs(scale - 1) < SNAP, 1.0, scale)
