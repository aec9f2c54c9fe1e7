"""correct-biases: each layer's outputs have the mean that they had before quantization."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snntk_calibrate.walking import READS, Layer, Reads, walked
from snntk_core import Context, Graph, Node, Preserves, Stage, Transform, option

ALIKE = 1e-7  # of the largest target: a mean that far off is rounding


@dataclass(frozen=True)
class CorrectBiases(Transform):
    """``b_c <- b_c + mean(y_c) - mean(y'_c)``: ``y`` the float layer's outputs, ``y'`` the quantized layer's.

    The means go over calibration samples and positions.  Layers are corrected in order, and each sees those before it
    corrected.  A layer without a bias gets one.  Of layers with nothing between, the last one is corrected for all.  A
    bias with a number format stays on its grid.  Source: Nagel 2019; cnn2snn's is ``reads = "quantized"``.
    """

    name: ClassVar[str] = "correct-biases"
    stage: ClassVar[Stage] = Stage.QUANTIZE
    preserves: ClassVar[Preserves] = Preserves.NOTHING
    needs_calibration: ClassVar[bool] = True

    layers: str = option("*", "pattern of the layers' names")
    reads: Reads = option("float", READS)

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the graph with corrected biases.

        Raises `Incompatible` for a quantized network whose float network is not known.
        """
        return walked(graph, context, self.name, self.layers, self.reads, _corrected)


def _corrected(layer: Layer) -> Node:
    node = layer.node
    if layer.chained:
        return node
    total, count, largest = 0.0, 0, 0.0
    for target, found in zip(layer.targets, layer.outputs(node.op), strict=True):
        difference = (target.astype(np.float64) - found).reshape(-1, target.shape[-1])
        total, count = total + difference.sum(axis=0), count + len(difference)
        largest = max(largest, float(np.abs(target).max(initial=0)))
    shift = np.asarray(total) / max(count, 1)
    if np.abs(shift).max(initial=0) <= ALIKE * largest:
        return node
    bias = node.op.arrays.get("bias", np.zeros(len(shift), node.op.arrays["weight"].dtype))
    new = (bias + shift).astype(bias.dtype)
    if "bias" in node.formats:
        new = node.formats["bias"].round(new)
    if np.array_equal(new, bias) and "bias" in node.op.arrays:
        return node
    return replace(node, op=replace(node.op, bias=new))  # type: ignore[call-arg]
