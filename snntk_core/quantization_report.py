"""What quantizing did to each layer: bits, steps, saturation, and noise beside the signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log10

import numpy as np

from snntk_core.graph import Graph
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, FakeQuantize
from snntk_core.reference import trace


@dataclass(frozen=True)
class QuantizedArray:
    """One weight, bias or output.

    ``scale``: the smallest and the largest step.  ``saturation``: share of the values before that lie beyond the
    largest code by more than half a step.  ``signal_to_noise``: mean square over mean square error in decibels, of an
    output with all that was quantized before it; infinite where nothing moved, None where nothing was measured.
    """

    layer: str
    role: str
    bits: int
    scale: tuple[float, float]
    quantizer: str
    saturation: float | None = None
    signal_to_noise: float | None = None


@dataclass
class _Tally:
    count: int = 0
    beyond: int = 0
    signal: float = 0.0
    noise: float = 0.0

    def add(self, before: Array, after: Array, found: NumberFormat) -> None:
        wide = before.astype(np.float64)
        self.count += wide.size
        if not found.is_sign:
            steps = found.decode(np.ones(wide.shape, np.int64)).astype(np.float64)
            above, below = wide > (found.highest + 0.5) * steps, wide < (found.lowest - 0.5) * steps
            self.beyond += int((above | below if found.signed else above).sum())
        self.signal += float(np.square(wide).sum())
        self.noise += float(np.square(wide - after).sum())

    @property
    def ratio(self) -> float:
        if not self.noise:
            return inf
        return 10 * log10(self.signal / self.noise) if self.signal else -inf


def quantization_report(before: Graph, after: Graph, samples: Array | None = None) -> tuple[QuantizedArray, ...]:
    """Return a row for every array of ``after`` that has a format, in its order.

    ``before``: the same network with floats.  ``samples``: in the model's own layout; without them nothing is known of
    outputs but their formats.
    """
    outputs = _outputs(before, after)
    tallies = {name: _Tally() for name in outputs}
    if samples is not None and outputs:
        parts = zip(trace(before, samples, set(outputs.values())), trace(after, samples, list(outputs)), strict=True)
        for values, rounded in parts:
            for name, source in outputs.items():
                tallies[name].add(values[source], rounded[name], after[name].formats["output"])
    rows = []
    for node in after:
        for role, found in node.formats.items():
            layer, tally = node.name, _Tally()
            if role == "output":
                layer = node.inputs[0] if isinstance(node.op, FakeQuantize) else node.name
                tally = tallies.get(node.name, tally)
            elif node.name in before and before[node.name].op.arrays[role].shape == node.op.arrays[role].shape:
                tally.add(before[node.name].op.arrays[role], node.op.arrays[role], found)
            rows.append(_row(layer, role, found, tally))
    return tuple(rows)


def _outputs(before: Graph, after: Graph) -> Mapping[str, str]:
    """Return the nodes of ``after`` with a format for their output, each with the node it rounds in ``before``."""
    found = {node.name: node for node in after if "output" in node.formats}
    sources = {name: node.inputs[0] if isinstance(node.op, FakeQuantize) else name for name, node in found.items()}
    return {name: source for name, source in sources.items() if source in before}


def _row(layer: str, role: str, found: NumberFormat, tally: _Tally) -> QuantizedArray:
    scale = (float(found.scale.min()), float(found.scale.max()))
    if not tally.count:
        return QuantizedArray(layer, role, found.bits, scale, found.quantizer)
    return QuantizedArray(layer, role, found.bits, scale, found.quantizer, tally.beyond / tally.count, tally.ratio)
