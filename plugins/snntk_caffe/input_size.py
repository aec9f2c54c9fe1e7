"""The size of the images of a network that only says how it was trained: worked out from its weights."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isqrt, prod

from snntk_caffe.geometry import Window, convolution_window, pooling_window
from snntk_caffe.network import Layer, Weights
from snntk_caffe.refusal import Unsupported
from snntk_core.shapes import Shape

LARGEST = 1 << 12
REMEDY = "say it with an Input layer in the prototxt, or the option input-shape"
CONVOLUTIONS = ("Convolution", "ConvolutionDepthwise")


@dataclass(frozen=True)
class Stretch:
    """What lies between the images and a value: windows in order, and the number of channels (0: as the images)."""

    windows: tuple[Window, ...] = ()
    channels: int = 0

    def length(self, length: int) -> int:
        """Return the length of the value's axes for images of a length; zero where nothing is left."""
        for window in self.windows:
            length = window.counts((length, length))[0] if length > 0 else 0
        return max(length, 0)


def opened(shape: Shape, value: str, layers: Iterable[Layer], weights: Weights) -> Shape:
    """Return a shape whose zeros are filled in from the weights of the layers behind a value.

    Raises `Unsupported` where they leave none or several readings.
    """
    known = {value: Stretch()}
    channels, height, width = shape if len(shape) == 3 else (0, 0, 0)
    for layer in layers:
        before = [known[bottom] for bottom in layer.bottoms if bottom in known]
        if not before:
            continue
        if layer.kind in CONVOLUTIONS and value in layer.bottoms and not channels:
            channels = _channels(layer, weights)
        if layer.kind == "InnerProduct":
            if not height or not width:
                height = width = _length(layer, replace(before[0], channels=before[0].channels or channels), weights)
            break
        known.update(dict.fromkeys(layer.tops, _behind(layer, before)))
    if min(channels, height, width) < 1:
        raise Unsupported(f"the prototxt gives no shape, and the weights do not tell it; {REMEDY}")
    return channels, height, width


def _first_shape(layer: Layer, weights: Weights) -> Shape:
    arrays = weights.arrays.get(layer.message.name)
    found = arrays() if arrays else ()
    if not found:
        raise Unsupported(f"the prototxt gives no shape, and {layer.name!r} has no weights to tell it; {REMEDY}")
    return found[0].shape


def _channels(layer: Layer, weights: Weights) -> int:
    shape, parameters = _first_shape(layer, weights), layer.message.convolution_param
    group = shape[0] if layer.kind == "ConvolutionDepthwise" else parameters.group
    return shape[1] * group if len(shape) == 4 else 0


def _behind(layer: Layer, before: list[Stretch]) -> Stretch:
    first = before[0]
    if layer.kind in CONVOLUTIONS:
        parameters = layer.message.convolution_param
        return Stretch((*first.windows, convolution_window(parameters)), parameters.num_output)
    if layer.kind == "Pooling":
        if layer.message.pooling_param.global_pooling:
            raise Unsupported(f"the prototxt gives no shape, and images of any size fit; {REMEDY}")
        return replace(first, windows=(*first.windows, pooling_window(layer.message.pooling_param, ())))
    if layer.kind == "Concat":
        return replace(first, channels=sum(stretch.channels for stretch in before))
    return first


def _length(layer: Layer, stretch: Stretch, weights: Weights) -> int:
    """The one length of square images that fits, or the one that the strides divide evenly among several."""
    shape, parameters = _first_shape(layer, weights), layer.message.inner_product_param
    features = shape[-2] if parameters.transpose and len(shape) > 1 else shape[-1]
    if not stretch.channels or features % stretch.channels:
        raise Unsupported(f"the prototxt gives no shape, and the weights of {layer.name!r} do not tell it; {REMEDY}")
    area = features // stretch.channels
    target = isqrt(area)
    lengths = range(1, LARGEST + 1)
    fits = lengths[bisect_left(lengths, target, key=stretch.length) : bisect_right(lengths, target, key=stretch.length)]
    step = prod(window.stride[0] for window in stretch.windows)
    even = [length for length in fits if length % step == 0] if len(fits) > 1 else list(fits)
    if target**2 != area or len(even) != 1:
        found = (
            f"square images of {fits[0]} to {fits[-1]} fit" if fits and target**2 == area else "no square images fit"
        )
        raise Unsupported(f"the prototxt gives no shape, and by its weights {found}; {REMEDY}")
    return even[0]
