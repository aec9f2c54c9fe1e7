"""Builders of normalizations: learnt, measured beforehand, or by a plain factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snntk_core.ops import Array, BatchNorm, Scale
from snntk_keras.layers.activation import sample_axis
from snntk_keras.model import Unsupported, printable
from snntk_keras.translation import Builder, LayerCall, Tensor, constant

SMALLEST = 1e-7  # the least deviation that Normalization divides by


def _batch_norm(call: LayerCall) -> Tensor:
    axis = call.config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
    rank = len(call.input.shape)
    place = sample_axis(axis, rank) % rank
    if call.version == 1 and call.config.get("mode", 0) not in (0, 2):
        raise Unsupported(f"its mode is {printable(call.config.get('mode'))}; only 0 and 2 are supported")
    if place not in (0, rank - 1):
        raise Unsupported(f"it normalizes axis {axis}, which is neither the first nor the last")
    units, scaled, centered = call.input.shape[place], call.flag("scale", True), call.flag("center", True)
    call.expect_arrays(2 + scaled + centered)
    scale = call.array(0, (units,), "gamma") if scaled else None
    offset = call.array(scaled, (units,), "beta") if centered else None
    mean, variance = (call.array(scaled + centered + i, (units,), what) for i, what in enumerate(("mean", "variance")))
    epsilon = call.number("epsilon", 1e-3)
    if not (np.isfinite(variance) & (variance > -epsilon)).all():
        raise Unsupported("its variance is not finite and above zero")
    layout = "channels_last" if place == rank - 1 else "channels_first"
    return call.with_config(data_format=layout).add_spatial(BatchNorm(mean, variance, scale, offset, epsilon))


def _rescaling(call: LayerCall) -> Tensor:
    factor, offset = (constant(call.config.get(key, d), key) for key, d in (("scale", 1.0), ("offset", 0.0)))
    return call.add(Scale(factor, offset if offset.any() else None))


def _normalization(call: LayerCall) -> Tensor:
    """``(x - mean) / max(sqrt(variance), 1e-7)``, or its inverse."""
    axes = call.config.get("axis", -1)
    axes = [] if axes is None else axes if isinstance(axes, list | tuple) else [axes]
    rank = len(call.input.shape)
    kept = {sample_axis(axis, rank) % rank for axis in axes}
    shape = tuple(n if axis in kept else 1 for axis, n in enumerate(call.input.shape))
    mean, variance = (_moment(call, index, key, shape) for index, key in enumerate(("mean", "variance")))
    if (variance < 0).any():
        raise Unsupported("its variance is below zero")
    spread = np.maximum(np.sqrt(variance.astype(np.float64)), SMALLEST)
    if call.flag("invert", False):
        return call.add(Scale(spread.astype(np.float32), mean))
    return call.add(Scale((1 / spread).astype(np.float32), (-mean / spread).astype(np.float32)))


def _moment(call: LayerCall, index: int, key: str, shape: tuple[int, ...]) -> Array:
    given: Any = call.config.get(key)
    if given is None and index >= len(call.variables.arrays):
        raise Unsupported(f"its {key} is missing: it was not adapted before the model was saved")
    array = call.variables.arrays[index] if given is None else constant(given, key)
    if array.ndim == len(shape) + 1 and array.shape[0] == 1:
        array = array[0]
    lengths = tuple(n for n in shape if n != 1)
    if tuple(n for n in array.shape if n != 1) not in (lengths, ()):
        raise Unsupported(f"its {key} has the shape {array.shape}, which does not fit {shape}")
    return array.reshape(shape) if array.size > 1 else np.full((1,), array.reshape(-1)[0])


NORMALIZATIONS: Mapping[str, Builder] = {
    "BatchNormalization": _batch_norm,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
}
"""Builders of normalizations."""
