"""How evenly a layer's channels use the range of its weights."""

from __future__ import annotations

from collections.abc import Mapping

from snntk_core.graph import Graph
from snntk_core.scaling import SCALABLE, output_ranges


def weights_homogeneity(graph: Graph) -> Mapping[str, float]:
    """Return ``mean_i(max|W_i|) / max_i(max|W_i|)`` of every weighted op, ``W_i`` the weights of output channel ``i``.

    One: all channels reach equally far, and one step for the layer serves them all.  Near zero: most channels get few
    codes; equalize the layers, or quantize with a step for each channel.  NaN where all weights are zero.
    """
    ranges = {node.name: output_ranges(node.op) for node in graph if isinstance(node.op, SCALABLE)}
    return {name: float(each.mean() / each.max()) if each.any() else float("nan") for name, each in ranges.items()}
