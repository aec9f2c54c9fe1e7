"""Builders of pooling and of reductions over the spatial axes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from snntk_core.ops import AveragePool, GlobalAveragePool, GlobalMaxPool, MaxPool, Op, Scale, Transpose, Upsample
from snntk_core.shapes import Shape, size
from snntk_torch.operators.axes import own_axis, per_axis, spatial_rank
from snntk_torch.operators.convolution import padding_of
from snntk_torch.refusal import Unsupported
from snntk_torch.translation import Call, Tensor


def _kernel_and_strides(call: Call, rank: int) -> tuple[Shape, Shape]:
    kernel = per_axis(call, "kernel_size", rank)
    return kernel, per_axis(call, "stride", rank) if call.get("stride") else kernel


def _max_pool(call: Call) -> Tensor:
    value = call.tensor()
    rank = spatial_rank(value)
    kernel, strides = _kernel_and_strides(call, rank)
    dilation = per_axis(call, "dilation", rank)
    op = MaxPool(kernel, strides, padding_of(call, rank), call.flag("ceil_mode"), dilation)
    return call.add_channels_first(op, value)


def _average_pool(call: Call) -> Tensor:
    value = call.tensor()
    rank = spatial_rank(value)
    if call.given("divisor_override"):
        raise Unsupported("a divisor of its own (divisor_override) is not supported; scale the weights behind it")
    kernel, strides = _kernel_and_strides(call, rank)
    padded = call.flag("count_include_pad", True)
    op = AveragePool(kernel, strides, padding_of(call, rank), call.flag("ceil_mode"), padded)
    return call.add_channels_first(op, value)


def _window(length: int, wanted: int) -> tuple[int, int, int]:
    """Return (kernel, stride, repetition) of an adaptive pooling from ``length`` to ``wanted`` windows."""
    if wanted % length == 0:
        return 1, 1, wanted // length
    starts = [index * length // wanted for index in range(wanted)]
    lengths = {-(-(index + 1) * length // wanted) - start for index, start in enumerate(starts)}
    steps = {after - before for before, after in pairwise(starts)} or {length}
    if len(lengths) != 1 or len(steps) != 1:
        raise Unsupported(f"windows of different sizes, from {length} to {wanted}, are not supported")
    return lengths.pop(), steps.pop(), 1


def _adaptive(make: Callable[[Shape, Shape], Op], everything: Op) -> Callable[[Call], Tensor]:
    def build(call: Call) -> Tensor:
        value = call.tensor()
        rank = spatial_rank(value)
        given = call.get("output_size")
        items = given if isinstance(given, list | tuple) else [given]
        items = [*items] * rank if len(items) == 1 else items
        wanted = [n if item is None else item for n, item in zip(value.shape[1:], items, strict=True)]
        if not all(type(length) is int and 1 <= length <= 1 << 12 for length in wanted):
            raise Unsupported(f"a map of {wanted} is not supported")
        if set(wanted) == {1} and any(length > 1 for length in value.shape[1:]):
            return call.add_channels_first(everything, value)
        windows = [_window(length, target) for length, target in zip(value.shape[1:], wanted, strict=True)]
        kernel, strides, repeats = (tuple(part) for part in zip(*windows, strict=True))
        pooled = call.add_channels_first(make(kernel, strides), value)
        if max(repeats) == 1:
            return pooled
        return call.add_channels_first(Upsample(repeats), pooled, suffix="_repeated")

    return build


def _reduced_axes(call: Call, value: Tensor) -> Shape:
    axes = call.integers("dim")
    if not axes:
        raise Unsupported("it reduces all axes, the batch included")
    return tuple(sorted({own_axis(axis, len(value.shape) + 1) for axis in axes}))


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


def _mean(call: Call) -> Tensor:
    return _reduce(call, GlobalAveragePool(keep_axes=call.flag("keepdim")))


def _sum(call: Call) -> Tensor:
    value = call.tensor()
    count = size(tuple(value.shape[axis] for axis in _reduced_axes(call, value)))
    return call.add(Scale(np.array(count, np.float32)), _mean(call), suffix="_sum")


def _largest(call: Call) -> Tensor:
    return _reduce(call, GlobalMaxPool(keep_axes=call.flag("keepdim")))


def _with_indices(build: Callable[[Call], Tensor]) -> Callable[[Call], list[Tensor | None]]:
    return lambda call: [build(call), None]


_adaptive_average = _adaptive(AveragePool, GlobalAveragePool(keep_axes=True))
_adaptive_max = _adaptive(MaxPool, GlobalMaxPool(keep_axes=True))

POOLING = {
    "max_pool1d": _max_pool,
    "max_pool2d": _max_pool,
    "max_pool1d_with_indices": _with_indices(_max_pool),
    "max_pool2d_with_indices": _with_indices(_max_pool),
    "avg_pool1d": _average_pool,
    "avg_pool2d": _average_pool,
    "adaptive_avg_pool1d": _adaptive_average,
    "adaptive_avg_pool2d": _adaptive_average,
    "_adaptive_avg_pool2d": _adaptive_average,
    "adaptive_max_pool1d": _with_indices(_adaptive_max),
    "adaptive_max_pool2d": _with_indices(_adaptive_max),
    "mean": _mean,
    "sum": _sum,
    "amax": _largest,
    "max": _with_indices(_largest),
}
"""Builders of pooling operators."""
