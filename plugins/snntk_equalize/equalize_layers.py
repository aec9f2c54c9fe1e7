"""equalize-layers: each channel uses the weights of the layers around it equally."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from snntk_core import Array, Context, Graph, Preserves, Stage, Transform, WeightedOp, option
from snntk_core.scaling import input_ranges, output_ranges
from snntk_equalize.couplings import Coupling, couplings, rescaled, scaled

SETTLED = 1e-7  # factors of a sweep this close to one end the search
ALIKE = 1e-5  # factors this close to one are one: equalizing twice changes nothing
SWEEPS = 1000


@dataclass(frozen=True)
class EqualizeLayers(Transform):
    """Even out the weight ranges around each channel: ``W1[..., i] /= s_i``, ``b1_i /= s_i``, ``W2[i, ...] *= s_i``.

    ``s_i = sqrt(max|W1[..., i]| / max|W2[i, ...]|)``, for weighted ops with nothing between them but ReLUs and what
    else keeps factors: a quantizer with one step for a layer then loses less.  All readers of a channel take part with
    their largest weight, and where one of them cannot take a factor, or a range is zero, ``s_i = 1``.  Repeated until
    nothing changes.  Source: Nagel 2019 (cross-layer equalization).
    """

    name: ClassVar[str] = "equalize-layers"
    stage: ClassVar[Stage] = Stage.NORMALIZE
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    sweeps: int = option(0, "how often each pair is equalized, in the order of the network; 0: until nothing changes")
    through_flatten: bool = option(True, "pair layers across Flatten, Reshape and Transpose too")

    def __post_init__(self) -> None:
        if self.sweeps < 0:
            raise ValueError(f"sweeps takes a count, or 0 for as many as it takes, got {self.sweeps}")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with other weights, and the same output.

        Raises `Incompatible` naming every layer that is quantized already.
        """
        found = tuple(couplings(graph, reordering=self.through_flatten))
        divisors = _settled(_magnitudes(graph, found), found, self.sweeps or SWEEPS)
        if all(np.abs(divisor - 1).max(initial=0) < ALIKE for divisor in divisors.values()):
            return graph
        return rescaled(graph, found, {name: 1 / divisor for name, divisor in divisors.items()}, self.name)


def _magnitudes(graph: Graph, found: Sequence[Coupling]) -> dict[str, WeightedOp]:
    """Return the ops concerned with the largest absolute weight of each pair of channels in place of a kernel."""
    names = dict.fromkeys(name for coupling in found for name in (coupling.source, *coupling.readers))
    return {name: _magnitude(graph[name].op) for name in names}


def _magnitude(op: object) -> WeightedOp:
    assert isinstance(op, WeightedOp)
    weight = np.abs(op.arrays["weight"]).astype(np.float64)
    kernel = tuple(range(weight.ndim - 2))
    small: dict[str, Any] = {"weight": weight.max(axis=kernel, keepdims=True) if kernel else weight, "bias": None}
    return replace(op, **small)


def _settled(ops: dict[str, WeightedOp], found: Sequence[Coupling], sweeps: int) -> Mapping[str, Array]:
    """Return for every source what its channels are divided by in all."""
    divisors = {coupling.source: np.ones(ops[coupling.source].units) for coupling in found}
    for sweep in range(sweeps):
        moved = 0.0
        for coupling in found:
            divisor = _divisor(ops, coupling)
            moved = max(moved, np.abs(divisor - 1).max(initial=0))
            divisors[coupling.source] = divisors[coupling.source] * divisor
            ops[coupling.source] = scaled(ops[coupling.source], None, 1 / divisor)
            for name, index in coupling.readers.items():
                ops[name] = scaled(ops[name], 1 / divisor[index], None)
        if moved < (SETTLED if sweep else ALIKE):
            break
    return divisors


def _divisor(ops: Mapping[str, WeightedOp], coupling: Coupling) -> Array:
    written = output_ranges(ops[coupling.source])
    read = np.zeros_like(written)
    for name, index in coupling.readers.items():
        np.maximum.at(read, index, input_ranges(ops[name]))
    usable = (written > 0) & (read > 0)
    return np.sqrt(np.divide(written, read, out=np.ones_like(written), where=usable))
