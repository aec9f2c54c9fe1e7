"""The constant current of the first neurons, where one weighted op makes it of the source: a product put into place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snntk_core import Array, Conv2D, Dense, Flatten, Graph, Identity, IntegrateFire, Op, Readout, Reshape, SpikeSource
from snntk_core.reference.windows import window_of
from snntk_core.shapes import Shape, resolve_padding
from snntk_event.memory import Memory
from snntk_event.tiling import Tiling

PATCH_BYTES = 1 << 19  # patches of one product: they stay in a second-level cache

Window = tuple[Shape, Shape, Shape, Shape]
"""Kernel, strides, padding before and dilation, two axes each."""


@dataclass(frozen=True, eq=False)
class First:
    """``current = patches of the source @ matrix + bias``.

    ``order``: of the source's axes.  ``shape``: of what the op reads.  ``window``: of a convolution, with ``counts``
    windows along the axes; None for a Dense.  ``matrix``: (rows, channels).  ``tiling``: how the neurons lie.
    """

    name: str
    order: Shape
    shape: Shape
    window: Window | None
    counts: Shape
    matrix: Array
    bias: Array
    tiling: Tiling

    def current(self, batch: Array, memory: Memory) -> Array:
        """Return the current of a batch: (images, wide positions, lanes)."""
        tiling, images = self.tiling, len(batch)
        if self.order:
            batch = batch.transpose(0, *(axis + 1 for axis in self.order))
        maps = np.ascontiguousarray(batch, np.float32).reshape(images, *self.shape)
        wide = memory.take((self.name, "first"), (images, tiling.positions, tiling.width), np.float32)
        if tiling.group > 1:
            wide.fill(0)  # lanes of no channel
        positions = tiling.rows * tiling.columns
        if self.window is None:
            self._multiply(maps.reshape(images * positions, -1), wide, memory)
            return wide
        group = max(1, PATCH_BYTES // (4 * positions * len(self.matrix)))
        for start in range(0, images, group):
            self._convolve(maps[start : start + group], wide[start : start + group], memory)
        return wide

    def _convolve(self, maps: Array, wide: Array, memory: Memory) -> None:
        from snntk_event.kernels.patches import AT_ONCE, take_patches

        rows = (len(maps) * self.tiling.rows * self.tiling.columns, len(self.matrix))
        patches = memory.take((self.name, "patches"), (rows[0] * rows[1] + AT_ONCE,), np.float32)
        take_patches(maps, self.window, self.counts, patches)
        self._multiply(patches[:-AT_ONCE].reshape(rows), wide, memory)

    def _multiply(self, rows: Array, wide: Array, memory: Memory) -> None:
        """Write ``rows @ matrix + bias`` into the lanes of ``wide``."""
        from snntk_event.kernels.patches import lay_out

        tiling = self.tiling
        if tiling.group == 1:
            flat = wide.reshape(len(rows), -1)
            np.matmul(rows, self.matrix, out=flat)
            np.add(flat, self.bias, out=flat)
            return
        product = memory.take((self.name, "product"), (len(rows), self.matrix.shape[1]), np.float32)
        np.matmul(rows, self.matrix, out=product)
        lay_out(product, self.bias, tiling.places, tiling.of_map(wide))


def first(graph: Graph, affine: Mapping[str, Op], name: str, tiling: Tiling) -> First | None:
    """Return what drives the neurons called ``name``; None where it is more than one op of the source.

    ``affine``: the ops in single precision.
    """
    weighted = graph[graph[name].inputs[0]]
    op = affine[weighted.name]
    plain = isinstance(op, Dense) or (isinstance(op, Conv2D) and op.groups == 1)
    if not plain or not isinstance(graph[name].op, IntegrateFire | Readout):
        return None
    source = graph[weighted.inputs[0]]
    while isinstance(source.op, Flatten | Reshape | Identity):
        source = graph[source.inputs[0]]
    if not isinstance(source.op, SpikeSource):
        return None
    assert isinstance(op, Dense | Conv2D)
    shape, weight = graph.shapes[weighted.inputs[0]], op.weight
    window, counts = _window(op, shape, graph.shapes[weighted.name]) if isinstance(op, Conv2D) else (None, ())
    matrix = weight.reshape(-1, weight.shape[-1])
    bias = np.zeros(matrix.shape[1], np.float32) if op.bias is None else op.bias
    if tiling.group == 1:
        spare = (0, tiling.width - matrix.shape[1])
        matrix, bias = np.pad(matrix, ((0, 0), spare)), np.pad(bias, spare)
    matrix, bias = (np.ascontiguousarray(array, np.float32) for array in (matrix, bias))
    return First(name, source.op.order, shape, window, counts, matrix, bias, tiling)


def _window(op: Conv2D, before: Shape, after: Shape) -> tuple[Window, Shape]:
    kernel, strides, dilation = window_of(op.weight.shape[:2], op.strides, op.dilation)
    pads = resolve_padding(op.padding, before[:2], kernel, strides, dilation)
    return (kernel, strides, (pads[0][0], pads[1][0]), dilation), after[:2]
