"""equalize-power-of-two: what each channel puts out fills a range whose step is a power of two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_core import ActivationOp, Array, Context, Graph, Preserves, Stage, Statistics, Transform, collect, option
from snntk_equalize.couplings import Coupling, couplings, rescaled

ALIKE = 1e-3  # a ratio this close to one is one: rounding moves the range of a channel whose inputs cancel by 1e-4


@dataclass(frozen=True)
class EqualizePowerOfTwo(Transform):
    """Raise each channel's range ``r`` to ``R = c * 2^e >= r``: ``W1, b1 *= R / r``, ``W2 /= R / r`` where it is read.

    ``c`` is the largest code, ``2^bits - 1`` or half of it where the channel has a sign, and ``e`` the least exponent.
    A fixed-point activation then uses all its codes with shifts for scales.  ``r`` is the largest absolute activation
    on calibration samples.  Weights and biases take the factor together, so the network stays the same function.  As
    in equalize-layers, only ReLUs and what else keeps factors may lie between.  Source: quantizeml.
    """

    name: ClassVar[str] = "equalize-power-of-two"
    stage: ClassVar[Stage] = Stage.NORMALIZE
    preserves: ClassVar[Preserves] = Preserves.OUTPUT
    needs_calibration: ClassVar[bool] = True

    bits: int = option(8, "bits of the activations")
    per: Literal["channel", "layer"] = option("channel", "one range for each channel, or one for the layer")

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 16:
            raise ValueError(f"bits lie between 1 and 16, got {self.bits}")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with other weights, and the same output.

        Raises `Incompatible` naming every layer that is quantized already.
        """
        if context.calibration is None:
            raise ValueError("equalize-power-of-two needs calibration samples")
        found = tuple(couplings(graph, reordering=True))
        watched = {coupling.source: _watched(graph, coupling) for coupling in found}
        names = dict.fromkeys(name for each in watched.values() for name in each)
        statistics = collect(graph, context.calibration, names, percentile=100.0)
        ratios = {name: self._ratios(each, statistics) for name, each in watched.items()}
        if all((ratio == 1).all() for ratio in ratios.values()):
            return graph
        return rescaled(graph, found, ratios, self.name)

    def _ratios(self, watched: Mapping[str, Array], statistics: Mapping[str, Statistics]) -> Array:
        """Return ``R / r`` for each channel of a source."""
        channels = 1 + max(int(index.max()) for index in watched.values())
        largest, signed = np.zeros(channels), False
        for name, index in watched.items():
            seen = statistics[name]
            np.maximum.at(largest, index, np.maximum(np.abs(seen.minimum), np.abs(seen.maximum)).astype(np.float64))
            signed = signed or bool((seen.minimum < 0).any())
        if self.per == "layer":
            largest = np.full_like(largest, largest.max())
        top = max(2 ** (self.bits - signed) - 1, 1)
        used = np.where(largest > 0, largest, top)
        raised = top * np.exp2(np.ceil(np.log2(used / top / (1 + ALIKE))))
        ratio = raised / used
        return np.where(np.abs(ratio - 1) < ALIKE, 1.0, ratio)


def _watched(graph: Graph, coupling: Coupling) -> Mapping[str, Array]:
    """Return where the range of a source's channels is seen: its activations, or itself where there are none."""
    found = {name: index for name, index in coupling.between.items() if isinstance(graph[name].op, ActivationOp)}
    source = graph.shapes[coupling.source][-1]
    return found or {coupling.source: np.arange(source)}
