"""Which weights share a scale."""

from __future__ import annotations

from typing import Literal

import numpy as np

from snntk_core import Array, DepthwiseConv2D, Node

Per = Literal["channel", "layer"]
PER = "one scale for each output channel, or one for the layer; a depthwise kernel has one for each input channel"


def columns(array: Array, node: Node, per: Per) -> tuple[Array, int | None]:
    """Return the absolute weights as (values, scales), and the axis of ``array`` that the scales run along."""
    wide = np.abs(array.astype(np.float64))
    if per == "layer":
        return wide.reshape(-1, 1), None
    axis = 2 if isinstance(node.op, DepthwiseConv2D) else array.ndim - 1
    return np.moveaxis(wide, axis, -1).reshape(-1, array.shape[axis]), axis


def scale_of(found: Array, axis: int | None) -> Array:
    """Return scales fit for a format: float32, above zero, and a scalar where there is no axis."""
    usable = np.where(found > 0, np.maximum(found, np.finfo(np.float32).tiny), 1.0).astype(np.float32)
    return usable if axis is not None else usable.reshape(())
