"""Ranges of arrays, and the grids over them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from snntk_core import Array, DepthwiseConv2D, Node, NumberFormat

STEEPEST = 1000.0
"""The largest scale factor, codes per unit: what is smaller than half its inverse becomes zero."""
Depthwise = Literal["tensor", "channel"]


def over_outputs(array: Array, node: Node, depthwise: Depthwise) -> tuple[tuple[int, ...], int | None]:
    """Return the axes that share a range, and the axis that has a step for each index (None: one for all).

    That is the last axis.  The kernel of a depthwise convolution, (height, width, channels, multiplier), gets one range
    for all, or with ``depthwise="channel"`` one for each channel.
    """
    if not isinstance(node.op, DepthwiseConv2D):
        return tuple(range(array.ndim - 1)), -1
    return ((0, 1, 3), 2) if depthwise == "channel" else (tuple(range(array.ndim)), None)


def symmetric(bits: int, largest: Array, axis: int | None) -> NumberFormat:
    """Return ``step = 1 / min(highest / largest, 1000)``: the symmetric grid over ``[-largest, largest]``.

    ``largest``: float32, a scalar or one for each index of ``axis``; where it is zero, the step is 1/1000.
    """
    return NumberFormat.spanning(bits, largest, axis=axis, smallest=1 / STEEPEST)


def check_bits(bits: int, least: int, most: int) -> None:
    """Raise `ValueError` unless ``bits`` lies between ``least`` and ``most``."""
    if not least <= bits <= most:
        raise ValueError(f"bits lies between {least} and {most}, got {bits}; a layer with 0 bits stays float")


def power_of_two(steps: Array) -> Array:
    """Return the next power of two at or above each step."""
    return np.asarray(np.exp2(np.ceil(np.log2(steps) - 1e-6)))
