"""normalize-separable: the depthwise half of a separable convolution gets weights up to one."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

import numpy as np

from snntk_core import Context, Conv2D, DepthwiseConv2D, Graph, Issue, Node, Preserves, Stage, Transform, option
from snntk_core.errors import Incompatible
from snntk_core.scaling import output_ranges
from snntk_equalize.couplings import Coupling, rescaled
from snntk_equalize.neighbors import alone_above

ALIKE = 1e-6  # ranges this close to one are one: normalizing twice changes nothing


@dataclass(frozen=True)
class NormalizeSeparable(Transform):
    """Divide each depthwise kernel by its largest weight ``m_c``, and multiply the pointwise weights on ``c`` by it.

    So one step for all depthwise kernels wastes no codes on the smaller ones.  A separable convolution is a
    `DepthwiseConv2D` that only a convolution with kernel one reads.  A kernel of zeros stays as it is.
    """

    name: ClassVar[str] = "normalize-separable"
    stage: ClassVar[Stage] = Stage.NORMALIZE
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    layers: str = option("*", "pattern of the depthwise nodes; one with wildcards passes over other kinds of nodes")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with normalized depthwise weights.

        Raises `Incompatible` for a node that ``layers`` names and that is no depthwise half of a separable
        convolution, and for quantized weights.
        """
        pairs = [(above, node) for node in graph if (above := _depthwise_half(graph, node)) is not None]
        chosen = [(above, node) for above, node in pairs if fnmatchcase(above.name, self.layers)]
        if self.layers in graph and not chosen:
            kind = type(graph[self.layers].op).__name__
            problem = f"{kind} is not the depthwise half of a separable convolution."
            raise Incompatible(self.name, [Issue(self.layers, problem, _offer(pairs))])
        ranges = {above.name: output_ranges(above.op) for above, _ in chosen}  # type: ignore[arg-type]
        found = [Coupling(above.name, {}, {node.name: np.arange(len(ranges[above.name]))}) for above, node in chosen]
        factors = {name: np.divide(1, m, out=np.ones_like(m), where=m > 0) for name, m in ranges.items()}
        if all(np.abs(factor - 1).max() < ALIKE for factor in factors.values()):
            return graph
        return rescaled(graph, found, factors, self.name)


def _depthwise_half(graph: Graph, node: Node) -> Node | None:
    """Return the depthwise node of a separable convolution whose pointwise node is given, else None."""
    op = node.op
    if not isinstance(op, Conv2D) or op.weight.shape[:2] != (1, 1) or op.groups != 1 or max(op.strides, default=1) > 1:
        return None
    above = alone_above(graph, node.name)
    return above if above is not None and isinstance(above.op, DepthwiseConv2D) else None


def _offer(pairs: list[tuple[Node, Node]]) -> str:
    names = ", ".join(above.name for above, _ in pairs)
    return f"Name one of {names}." if names else "This network has none."
