"""drop-fake-quantize: what is rounded and no ReLU keeps its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core import Context, FakeQuantize, Graph, Preserves, Stage, Transform


@dataclass(frozen=True)
class DropFakeQuantize(Transform):
    """Remove the rounding of outputs, for a spiking network: its currents and inputs are not rounded.

    Quantized ReLUs stay, whose steps are spikes.  The ledger says how far the output moves.
    """

    name: ClassVar[str] = "drop-fake-quantize"
    stage: ClassVar[Stage] = Stage.ADAPT
    preserves: ClassVar[Preserves] = Preserves.NOTHING

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph without `FakeQuantize`."""
        for name in [node.name for node in graph if isinstance(node.op, FakeQuantize)]:
            graph = graph.bypass(name)
        return graph
