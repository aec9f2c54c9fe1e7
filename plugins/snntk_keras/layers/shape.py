"""Builders of layers that reorder, repeat, cut or pad."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from snntk_core.ops import Flatten, Pad, Reshape, Transpose, Upsample
from snntk_core.shapes import Pairs, Shape, size
from snntk_keras.model import Unsupported, printable
from snntk_keras.translation import LENGTH, Builder, LayerCall, Tensor


def _flatten(call: LayerCall) -> Tensor:
    value = call.input
    if call.first and len(value.shape) > 1:  # Keras then flattens as if channels came last
        value = call.add(Transpose((*range(1, len(value.shape)), 0)), value, suffix="_transpose")
    return call.add(Flatten(), value)


def _whole_numbers(value: Any, what: str, least: int) -> Shape:
    if not isinstance(value, list | tuple) or any(type(n) is not int or n < least for n in value) or len(value) > 32:
        raise Unsupported(f"its {what} is {printable(value)}, not a list of whole numbers")
    return tuple(value)


def _reshape(call: LayerCall) -> Tensor:
    shape = _whole_numbers(call.config.get("target_shape", call.config.get("dims")), "target_shape", -1)
    total, known = size(call.input.shape), prod(n for n in shape if n != -1)
    if shape.count(-1) > 1 or known < 1 or total % known:
        raise Unsupported(f"samples of shape {call.input.shape} cannot take the shape {list(shape)}")
    return call.add(Reshape(tuple(total // known if n == -1 else n for n in shape)))


def _permute(call: LayerCall) -> Tensor:
    dims = _whole_numbers(call.config.get("dims"), "dims", 1)
    return call.add(Transpose(tuple(axis - 1 for axis in dims)))


def _repeat(call: LayerCall) -> Tensor:
    if len(call.input.shape) != 1:
        raise Unsupported(f"it repeats vectors, and its input has shape {call.input.shape}")
    value = call.add(Reshape((1, *call.input.shape)), suffix="_reshape")
    return call.add(Upsample((call.integer("n"),)), value)


def _amounts(call: LayerCall, key: str, rank: int, default: Any) -> Pairs:
    """Pairs for each spatial axis, given as one number, one for each axis, or pairs."""
    value = call.config.get(key)
    value = default if value is None else value
    value = [value] * rank if not isinstance(value, list | tuple) else value
    if rank == 1 and len(value) == 2:
        value = [value]
    pairs = [item if isinstance(item, list | tuple) else [item, item] for item in value]
    fits = len(pairs) == rank and all(
        len(p) == 2 and all(type(n) is int and 0 <= n <= LENGTH for n in p) for p in pairs
    )
    if not fits:
        raise Unsupported(f"its {key} is {printable(value)}, which does not fit {rank} spatial axes")
    return tuple((int(before), int(after)) for before, after in pairs)


def _padded(rank: int) -> Builder:
    def build(call: LayerCall) -> Tensor:
        call.require_rank(rank)
        return call.add_spatial(Pad((*_amounts(call, "padding", rank, 1), (0, 0))))

    return build


def _cropped(rank: int) -> Builder:
    def build(call: LayerCall) -> Tensor:
        call.require_rank(rank)
        pairs = _amounts(call, "cropping", rank, 1 if rank == 1 else 0)
        return call.add_spatial(Pad((*((-before, -after) for before, after in pairs), (0, 0))))

    return build


def _upsampled(rank: int) -> Builder:
    def build(call: LayerCall) -> Tensor:
        call.require_rank(rank)
        mode = call.config.get("interpolation") or "nearest"
        if mode != "nearest":
            raise Unsupported(f"its interpolation is {printable(mode)!r}; only 'nearest' has a counterpart")
        return call.add_spatial(Upsample(call.window("size", rank, 2)))

    return build


SHAPES: Mapping[str, Builder] = {
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat,
    "ZeroPadding1D": _padded(1),
    "ZeroPadding2D": _padded(2),
    "Cropping1D": _cropped(1),
    "Cropping2D": _cropped(2),
    "UpSampling1D": _upsampled(1),
    "UpSampling2D": _upsampled(2),
}
"""Builders of layers on shapes."""
