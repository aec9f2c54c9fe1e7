"""Builders of nearest-neighbor upsampling by whole factors, and of shuffles between channels and space."""

from __future__ import annotations

from snntk_core.ops import Identity, Reshape, Transpose, Upsample
from snntk_core.shapes import Shape
from snntk_torch.operators.axes import spatial_rank
from snntk_torch.refusal import Unsupported
from snntk_torch.translation import Call, Tensor

LARGEST_FACTOR = 1 << 12


def _factors(call: Call, lengths: Shape) -> Shape:
    wanted = call.get("output_size")
    if wanted is not None:
        given = [target / length for target, length in zip(call.integers("output_size") or (), lengths, strict=True)]
    else:
        scales = call.get("scale_factors")
        if not isinstance(scales, list | tuple) or not all(isinstance(scale, int | float) for scale in scales):
            raise Unsupported("neither sizes nor factors are given as numbers")
        given = [float(scale) for scale in scales]
    whole = all(1 <= factor <= LARGEST_FACTOR and factor == int(factor) for factor in given)
    if len(given) != len(lengths) or not whole:
        raise Unsupported(f"the factors {given} are not whole numbers")
    return tuple(int(factor) for factor in given)


def _upsample(call: Call) -> Tensor:
    value = call.tensor()
    spatial_rank(value)
    factors = _factors(call, value.shape[1:])
    if max(factors) == 1:
        return call.add(Identity(), value)
    return call.add_channels_first(Upsample(factors), value)


def _channels_and_area(value: Tensor) -> Shape:
    if len(value.shape) != 3:
        raise Unsupported(f"it takes images, but its input has the shape {value.shape}")
    return value.shape


def _moved(call: Call, value: Tensor, split: Shape, order: Shape, joined: Shape) -> Tensor:
    parts = call.add(Reshape(split), value, suffix="_split")
    return call.add(Reshape(joined), call.add(Transpose(order), parts, suffix="_moved"))


def _pixel_shuffle(call: Call) -> Tensor:
    value, r = call.tensor(), call.integer("upscale_factor", 1)
    channels, height, width = _channels_and_area(value)
    if r < 1 or channels % (r * r):
        raise Unsupported(f"{channels} channels do not make {r} x {r} pixels each")
    c = channels // (r * r)
    return _moved(call, value, (c, r, r, height, width), (0, 3, 1, 4, 2), (c, height * r, width * r))


def _pixel_unshuffle(call: Call) -> Tensor:
    value, r = call.tensor(), call.integer("downscale_factor", 1)
    c, height, width = _channels_and_area(value)
    if r < 1 or height % r or width % r:
        raise Unsupported(f"a map of {height} x {width} does not fall into {r} x {r} pixels")
    h, w = height // r, width // r
    return _moved(call, value, (c, h, r, w, r), (0, 2, 4, 1, 3), (c * r * r, h, w))


def _channel_shuffle(call: Call) -> Tensor:
    value, groups = call.tensor(), call.integer("groups", 1)
    channels = value.shape[0]
    if groups < 1 or channels % groups:
        raise Unsupported(f"{channels} channels do not fall into {groups} groups")
    rest = tuple(range(2, len(value.shape) + 1))
    split = (groups, channels // groups, *value.shape[1:])
    return _moved(call, value, split, (1, 0, *rest), value.shape)


RESIZING = {
    "upsample_nearest1d": _upsample,
    "upsample_nearest2d": _upsample,
    "_upsample_nearest_exact1d": _upsample,
    "_upsample_nearest_exact2d": _upsample,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "channel_shuffle": _channel_shuffle,
}
"""Builders of resizing operators."""
