"""The squared error of a layer as a function of what its weights are rounded to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_calibrate.design import Design
from snntk_calibrate.walking import Layer
from snntk_core import Array

CHUNK = 4096
"""Rows that are summed in the precision of the samples; such sums are added in float64."""


@dataclass(frozen=True, eq=False)
class Squares:
    """``E(d) = d' H d - 2 d' c + r``, the mean squared error of each output when the weights move by ``d``.

    ``gram``: ``H = X' X / n`` (groups, width, width).  ``cross``: ``c = X' R / n`` (groups, width, outputs), ``R`` what
    the float layer puts out beyond the layer with unrounded weights; ``rest``: ``r = mean(R^2)`` (groups, outputs).
    """

    gram: Array
    cross: Array
    rest: Array

    @classmethod
    def of(cls, layer: Layer, design: Design, weight: Array) -> Squares:
        """Return the error of a layer around ``weight``, as a matrix, in float64."""
        groups, width, outputs = weight.shape
        gram, cross = np.zeros((groups, width, width)), np.zeros((groups, width, outputs))
        rest, count = np.zeros((groups, outputs)), 0
        bias = layer.node.op.arrays.get("bias")
        for (x,), target in zip(layer.inputs, layer.targets, strict=True):
            wanted = design.outputs(target if bias is None else target - bias.astype(target.dtype))
            start = 0
            for rows in design.rows(x):
                part = wanted[:, start : start + rows.shape[1]]
                start += rows.shape[1]
                beyond = part - rows @ weight.astype(rows.dtype)
                for low in range(0, rows.shape[1], CHUNK):
                    some, left = rows[:, low : low + CHUNK], beyond[:, low : low + CHUNK]
                    turned = some.transpose(0, 2, 1)
                    gram += turned @ some
                    cross += turned @ left
                    rest += np.square(left, dtype=np.float64).sum(axis=1)
            count += start
        return cls(gram / count, cross / count, rest / count)

    def error(self, moves: Array) -> Array:
        """Return the mean squared error (groups, outputs) of ``moves`` (groups, width, outputs)."""
        return np.asarray((moves * (self.gram @ moves - 2 * self.cross)).sum(axis=1) + self.rest)
