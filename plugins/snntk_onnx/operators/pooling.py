"""Builders of pooling and of reductions over the spatial axes."""

from __future__ import annotations

import numpy as np

from snntk_core.ops import AveragePool, GlobalAveragePool, GlobalMaxPool, MaxPool, Op, Scale, Transpose
from snntk_core.shapes import Padding, Shape, size
from snntk_onnx.operators.windows import padding, per_axis, spatial_rank
from snntk_onnx.tensors import Unsupported
from snntk_onnx.translation import Call, Tensor


def _window(call: Call) -> tuple[Shape, Shape, Padding, bool, Shape]:
    rank = spatial_rank(call.tensor())
    if call.integers("kernel_shape") is None:
        raise Unsupported("the attribute kernel_shape is missing")
    strides, dilation = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    ceil = bool(call.integer("ceil_mode", 0))
    return per_axis(call, "kernel_shape", rank), strides, padding(call, rank), ceil, dilation


def _max_pool(call: Call) -> Tensor:
    if any(call.outputs[1:]):
        raise Unsupported("its second output, the indices, is read; only the values are supported")
    return call.add_channels_first(MaxPool(*_window(call)), call.tensor())


def _average_pool(call: Call) -> Tensor:
    kernel, strides, pads, ceil, dilation = _window(call)
    if max(dilation) > 1:
        raise Unsupported(f"an average over windows with the dilation {list(dilation)} is not supported")
    op = AveragePool(kernel, strides, pads, ceil, bool(call.integer("count_include_pad", 0)))
    return call.add_channels_first(op, call.tensor())


def _global_average_pool(call: Call) -> Tensor:
    return call.add_channels_first(GlobalAveragePool(keep_axes=True), call.tensor())


def _global_max_pool(call: Call) -> Tensor:
    return call.add_channels_first(GlobalMaxPool(keep_axes=True), call.tensor())


def _reduced_axes(call: Call, value: Tensor) -> Shape:
    rank = len(value.shape) + 1
    axes = call.integers("axes", 1)
    if not axes:
        raise Unsupported("it reduces all axes, the batch included")
    if any(not -rank <= axis < rank for axis in axes):
        raise Unsupported(f"the axes {list(axes)} do not fit {rank} axes")
    reduced = sorted({axis % rank - 1 for axis in axes})
    if -1 in reduced:
        raise Unsupported("it reduces the batch")
    return tuple(reduced)


def _reduce(call: Call, op: Op) -> Tensor:
    """Reduce all axes of a sample but one: a global pooling with that axis as the channels."""
    value = call.tensor()
    rank, reduced = len(value.shape), _reduced_axes(call, value)
    left = [axis for axis in range(rank) if axis not in reduced]
    if len(left) != 1:
        axes = [axis + 1 for axis in reduced]
        raise Unsupported(f"it reduces the axes {axes}; only all axes but the batch and one are supported")
    order = (*reduced, *left)
    turned = value if order == tuple(range(rank)) else call.add(Transpose(order), value, suffix="_channels_last")
    pooled = call.add(op, turned)
    if len(pooled.shape) == 1 or turned is value:
        return pooled
    back = tuple(order.index(axis) for axis in range(rank))
    return call.add(Transpose(back), pooled, suffix="_channels_first")


def _reduce_mean(call: Call) -> Tensor:
    return _reduce(call, GlobalAveragePool(keep_axes=bool(call.integer("keepdims", 1))))


def _reduce_max(call: Call) -> Tensor:
    return _reduce(call, GlobalMaxPool(keep_axes=bool(call.integer("keepdims", 1))))


def _reduce_sum(call: Call) -> Tensor:
    value = call.tensor()
    count = size(tuple(value.shape[axis] for axis in _reduced_axes(call, value)))
    return call.add(Scale(np.array(count, np.float32)), _reduce_mean(call), suffix="_sum")


POOLING = {
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "GlobalMaxPool": _global_max_pool,
    "ReduceMean": _reduce_mean,
    "ReduceMax": _reduce_max,
    "ReduceSum": _reduce_sum,
}
"""Builders of pooling operators."""
