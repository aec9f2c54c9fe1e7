"""Builders of Upsample and Resize: nearest neighbor by whole factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from snntk_core.ops import Array, Identity, Upsample
from snntk_core.shapes import Shape
from snntk_onnx.operators.windows import spatial_rank
from snntk_onnx.tensors import Unsupported
from snntk_onnx.translation import BATCH, Call, Tensor

LENGTH = 1 << 20  # of an axis that is resized

ROUNDING: Mapping[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _source(transformation: str, length: int, factor: int) -> Array:
    """Where each output element lies in the input."""
    x = np.arange(length * factor)
    match transformation:
        case "half_pixel" | "half_pixel_symmetric" | "pytorch_half_pixel":
            return (x + 0.5) / factor - 0.5 if length * factor > 1 else np.zeros(1)
        case "asymmetric":
            return x / factor
        case "tf_half_pixel_for_nn":
            return (x + 0.5) / factor
        case "align_corners":
            return x * (length - 1) / max(length * factor - 1, 1)
    raise Unsupported(f"the coordinate transformation {transformation!r} is not supported")


def _repeats(transformation: str, rounding: str, length: int, factor: int) -> bool:
    """Whether resizing repeats every element ``factor`` times, in order."""
    if length * factor > LENGTH:
        raise Unsupported(f"it makes an axis of {length * factor}")
    if rounding not in ROUNDING:
        raise Unsupported(f"the rounding {rounding!r} is not supported")
    index = np.clip(ROUNDING[rounding](_source(transformation, length, factor)), 0, length - 1)
    return bool((index == np.arange(length).repeat(factor)).all())


def _whole_factors(scales: Array, value: Tensor) -> Shape:
    if len(scales) != len(value.shape) + 1 or not np.isfinite(scales).all():
        raise Unsupported(f"the factors {scales.tolist()} do not fit its input")
    if scales[0] != 1 or (scales < 1).any() or (scales != np.round(scales)).any():
        raise Unsupported(f"the factors {scales.tolist()} are not whole numbers, with one for the batch")
    return tuple(int(scale) for scale in scales[1:])


def _upsampled(call: Call, factors: Shape, transformation: str, rounding: str) -> Tensor:
    value = call.tensor()
    rank = spatial_rank(value)
    for length, factor in zip(value.shape, factors, strict=True):
        if factor > 1 and not _repeats(transformation, rounding, length, factor):
            raise Unsupported(f"{transformation!r} with {rounding!r} is not a plain repetition")
    if max(factors) == 1:
        return call.add(Identity(), value)
    if factors[0] == 1:
        return call.add_channels_first(Upsample(factors[1:]), value)
    if factors[rank] == 1:
        return call.add(Upsample(factors[:-1]), value)
    raise Unsupported(f"the factors {list(factors)} repeat the channels")


def _require_nearest(call: Call) -> None:
    if call.text("mode", "nearest") != "nearest":
        raise Unsupported(f"the mode {call.text('mode', '')!r} is not supported; only 'nearest' is")


def _upsample(call: Call) -> Tensor:
    _require_nearest(call)
    scales = call.constant(1, "factor") if call.given(1) else np.array(call.attributes.get("scales", ()))
    return _upsampled(call, _whole_factors(scales.astype(np.float64), call.tensor()), "asymmetric", "floor")


def _resize(call: Call) -> Tensor:
    if call.opset < 11:
        return _upsample(call)
    _require_nearest(call)
    value = call.tensor()
    own = np.array((BATCH, *value.shape), np.float64)
    axes = call.integers("axes")
    if call.given(2) and call.constant(2, "factor").size:
        given = call.constant(2, "factor").astype(np.float64)
    elif call.given(3):
        sizes = call.constant(3, "size").astype(np.float64)
        given = sizes / (own[[*axes]] if axes else own)
        if not axes and call.translation.batch is not None and sizes[0] == call.translation.batch:
            given[0] = 1
    else:
        raise Unsupported("neither factors nor sizes are given")
    if axes:
        scales = np.ones(len(own))
        scales[[*axes]] = given
        given = scales
    transformation = call.text("coordinate_transformation_mode", "half_pixel")
    rounding = call.text("nearest_mode", "round_prefer_floor")
    return _upsampled(call, _whole_factors(given, value), transformation, rounding)


RESIZING = {"Upsample": _upsample, "Resize": _resize}
"""Builders of resizing operators."""
