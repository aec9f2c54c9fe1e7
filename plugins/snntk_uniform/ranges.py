"""Ranges of arrays, and the grids over them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from snntk_core import Array, DepthwiseConv2D, Node, NumberFormat

Depthwise = Literal["tensor", "channel"]


def over_outputs(array: Array, node: Node, depthwise: Depthwise) -> tuple[tuple[int, ...], int | None]:
    """Return the axes that share a range, and the axis that has a step for each index (None: one for all).

    That is the last axis.  The kernel of a depthwise convolution, (height, width, channels, multiplier), gets one range
    for all, or with ``depthwise="channel"`` one for each channel.
    """
    if not isinstance(node.op, DepthwiseConv2D):
        return tuple(range(array.ndim - 1)), -1
    return ((0, 1, 3), 2) if depthwise == "channel" else (tuple(range(array.ndim)), None)


def symmetric(bits: int, largest: Array, axis: int | None, largest_scale: float) -> NumberFormat:
    """Return ``step = 1 / min(highest / largest, largest_scale)``: the symmetric grid over ``[-largest, largest]``.

    ``largest``: a scalar, or one for each index of ``axis``.  ``largest_scale``: 0 for no limit.
    """
    return NumberFormat.spanning(bits, largest, axis=axis, smallest=1 / largest_scale if largest_scale else 0.0)


def check_bits(bits: int, least: int, most: int) -> None:
    """Raise `ValueError` unless ``bits`` lies between ``least`` and ``most``."""
    if not least <= bits <= most:
        raise ValueError(f"bits lies between {least} and {most}, got {bits}; a layer with 0 bits stays float")


def check_scale(largest_scale: float) -> None:
    """Raise `ValueError` for a scale below zero."""
    if largest_scale < 0:
        raise ValueError(f"largest_scale is 0 or more, got {largest_scale:g}")


def power_of_two(steps: Array) -> Array:
    """Return the next power of two at or above each step."""
    return np.asarray(np.exp2(np.ceil(np.log2(steps) - 1e-6)))
