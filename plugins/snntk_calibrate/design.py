"""Layers as matrix products: ``y = x @ weight`` for each group, with a row of ``x`` for every output position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from snntk_core import Array, Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, WeightedOp
from snntk_core.reference.windows import pad, patches, window_of
from snntk_core.shapes import Pairs, Shape, resolve_padding, transposed_padding

ROW_BYTES = 32 << 20  # of the rows that are made at once


@dataclass(frozen=True, eq=False)
class Design:
    """The matrix form of a layer: ``groups``, and for each ``width`` weights of an output."""

    op: WeightedOp
    groups: int
    width: int

    @classmethod
    def of(cls, op: WeightedOp) -> Design:
        """Return the matrix form of any weighted op."""
        shape = op.arrays["weight"].shape
        if isinstance(op, DepthwiseConv2D):
            return cls(op, shape[2], shape[0] * shape[1])
        groups = op.groups if isinstance(op, Conv1D | Conv2D | ConvTranspose2D) else 1
        return cls(op, groups, prod(shape[:-1]))

    def matrix(self, weight: Array) -> Array:
        """Return an array in the shape of the weight as (groups, width, outputs of a group)."""
        if isinstance(self.op, DepthwiseConv2D):
            return weight.reshape(self.width, self.groups, -1).transpose(1, 0, 2)
        if isinstance(self.op, ConvTranspose2D):
            weight = weight[::-1, ::-1]
        return weight.reshape(self.width, self.groups, -1).transpose(1, 0, 2)

    def weight(self, matrix: Array) -> Array:
        """Return a matrix in the shape of the weight again."""
        flat = matrix.transpose(1, 0, 2).reshape(self.op.arrays["weight"].shape)
        return np.ascontiguousarray(flat[::-1, ::-1] if isinstance(self.op, ConvTranspose2D) else flat)

    def rows(self, x: Array) -> Iterator[Array]:
        """Yield (groups, positions, width) for the inputs ``x``, some samples at once."""
        if isinstance(self.op, Dense):
            yield x.reshape(1, -1, self.width)
            return
        for part in _samples(x, self.groups * self.width):
            windows = self._windows(part)
            *_, kh, kw, channels = windows.shape
            rows = windows.reshape(-1, kh * kw, self.groups, channels // self.groups)
            yield rows.transpose(2, 0, 1, 3).reshape(self.groups, -1, self.width)

    def outputs(self, y: Array) -> Array:
        """Return outputs of the layer as (groups, positions, outputs of a group)."""
        return y.reshape(-1, self.groups, y.shape[-1] // self.groups).transpose(1, 0, 2)

    def _windows(self, x: Array) -> Array:
        op = self.op
        assert isinstance(op, Conv1D | Conv2D | DepthwiseConv2D | ConvTranspose2D)
        rank = x.ndim - 2
        kernel, strides, dilation = window_of(op.weight.shape[:rank], op.strides, op.dilation)
        if isinstance(op, ConvTranspose2D):
            return _transposed_windows(op, x, kernel, strides, dilation)
        lengths = x.shape[1 : 1 + rank]
        pads = resolve_padding(op.padding, lengths, op.weight.shape[:rank], strides[-rank:], dilation[-rank:])
        x, pads = (x, pads) if rank == 2 else (x[:, None], ((0, 0), *pads))
        return patches(pad(x, pads), kernel, strides, dilation)


def _transposed_windows(op: ConvTranspose2D, x: Array, kernel: Shape, strides: Shape, dilation: Shape) -> Array:
    """Return the windows that a flipped kernel meets: the inputs spread by the strides, and padded."""
    crops: Pairs = transposed_padding(op.padding, kernel, strides, dilation, op.output_padding)
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    spread = [(n - 1) * s + 1 for n, s in zip(x.shape[1:3], strides, strict=True)]
    wide = np.zeros(
        (len(x), *(n + 2 * r + e for n, r, e in zip(spread, reach, op.output_padding, strict=True)), x.shape[-1]),
        x.dtype,
    )
    wide[:, reach[0] : reach[0] + spread[0] : strides[0], reach[1] : reach[1] + spread[1] : strides[1]] = x
    (top, bottom), (left, right) = crops
    return patches(wide[:, top : wide.shape[1] - bottom, left : wide.shape[2] - right], kernel, (1, 1), dilation)


def _samples(x: Array, width: int) -> Iterator[Array]:
    """Yield some samples at once, so many that their rows are not too large."""
    step = max(1, ROW_BYTES // max(1, prod(x.shape[1:-1]) * width * x.itemsize))
    return (x[start : start + step] for start in range(0, len(x), step))
