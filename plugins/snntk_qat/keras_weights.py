"""The arrays of a layer after what is folded into it, in the order in which Keras keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from snntk_core.ops import Array
from snntk_qat.keras_structure import affine, kind_of


def prepared_weights(layer: Any, norms: Sequence[Any], normalize_separable: bool) -> list[Array]:
    """Return a layer's arrays with batch normalizations folded in; there is a bias then.

    ``normalize_separable``: every channel of a separable kernel's depthwise part reaches 1, its pointwise part makes
    up for it.
    """
    arrays = [np.asarray(array, np.float64) for array in layer.get_weights()]
    kernels, bias = (arrays[:-1], arrays[-1]) if layer.use_bias else (arrays, None)
    kind = kind_of(layer)
    for norm in norms:
        scale, offset = affine(norm)
        last = kernels[-1]
        kernels[-1] = last * (scale.reshape(last.shape[2:]) if kind == "DepthwiseConv2D" else scale)
        bias = offset if bias is None else bias * scale + offset
    if normalize_separable and kind == "SeparableConv2D":
        kernels = _normalized(*kernels)
    return [array.astype(np.float32) for array in (*kernels, *([] if bias is None else [bias]))]


def _normalized(depthwise: Array, pointwise: Array) -> list[Array]:
    """The kernels with ``max|depthwise_c| = 1``; a channel of zeros stays."""
    largest = np.abs(depthwise).max(axis=(0, 1))
    largest = np.where(largest > 0, largest, 1.0)
    return [depthwise / largest, pointwise * largest.reshape(-1)[:, None]]
