"""A Scale behind a BatchNorm is half of one operation in Caffe: they become one layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from snntk_caffe.network import Converted


def paired(layers: Iterable[Converted], outputs: Collection[str]) -> tuple[Converted, ...]:
    """Return the layers with every Scale for each channel joined to the BatchNorm that only it reads."""
    found = {layer.id: layer for layer in layers}
    uses = Counter(name for layer in found.values() for name in layer.bottoms)
    for layer in tuple(found.values()):
        before = found.get(layer.bottoms[0])
        if before is None or before.kind != "BatchNorm" or layer.kind != "Scale":
            continue
        alone = uses[before.id] == 1 and before.id not in outputs
        scale, shift = before.pair
        neutral = bool((scale == 1).all()) and not shift.any()
        if alone and neutral and _for_each_channel(layer, scale.shape):
            pair = (layer.arrays[0], layer.arrays[-1] if layer.arrays[1:] else shift)
            joined = replace(before, id=layer.id, pair=pair, origin=(*before.origin, *layer.origin))
            del found[before.id]
            found[layer.id] = joined
    return tuple(found.values())


def _for_each_channel(layer: Converted, channels: tuple[int, ...]) -> bool:
    spread = layer.constant_shape or ()
    return np.shape(layer.arrays[0]) == channels and spread[:1] == channels and set(spread[1:]) <= {1}
