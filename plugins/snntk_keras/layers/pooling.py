"""Builders of pooling layers over one or two axes."""

from __future__ import annotations

from collections.abc import Mapping

from snntk_core.ops import AveragePool, Flatten, GlobalAveragePool, GlobalMaxPool, MaxPool, Op
from snntk_keras.layers.convolution import padding_of
from snntk_keras.model import Unsupported
from snntk_keras.translation import Builder, LayerCall, Tensor


def _pool(kind: type[MaxPool] | type[AveragePool], rank: int) -> Builder:
    def build(call: LayerCall) -> Tensor:
        call.require_rank(rank)
        kernel = call.window("pool_size", rank, 2)
        strides = call.window("strides", rank, kernel)
        padding = padding_of(call, kernel, (1,) * rank)
        if not isinstance(padding, str):
            raise Unsupported("its padding is 'causal'")
        return call.add_spatial(kind(kernel, strides, padding))

    return build


def _global(kind: type[GlobalMaxPool] | type[GlobalAveragePool], rank: int) -> Builder:
    def build(call: LayerCall) -> Tensor:
        call.require_rank(rank)
        if call.flag("keepdims", False):
            return call.add_spatial(kind(keep_axes=True))
        op: Op = kind()
        if not call.first:
            return call.add(op)
        # the channels alone have no layout: keep the axes through the sandwich, then drop them
        return call.add(Flatten(), call.add_spatial(kind(keep_axes=True)), suffix="_flat")

    return build


POOLING: Mapping[str, Builder] = {
    **{f"MaxPooling{rank}D": _pool(MaxPool, rank) for rank in (1, 2)},
    **{f"AveragePooling{rank}D": _pool(AveragePool, rank) for rank in (1, 2)},
    **{f"GlobalMaxPooling{rank}D": _global(GlobalMaxPool, rank) for rank in (1, 2)},
    **{f"GlobalAveragePooling{rank}D": _global(GlobalAveragePool, rank) for rank in (1, 2)},
}
"""Builders of pooling layers."""
