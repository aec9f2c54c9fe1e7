"""Pure array arithmetic on windows: convolutions by im2col and BLAS, pooling by shifted views.

Arrays are (batch, height, width, channels).  Nothing here knows about ops or graphs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from snntk_core.ops.base import Array
from snntk_core.shapes import Pairs, Shape, window_counts

PATCH_BYTES = 1 << 20  # patches of one matrix product: small enough to stay in the cache


def pad(x: Array, pads: Pairs, value: float = 0) -> Array:
    """Return ``x`` with its spatial axes padded; ``x`` itself when there is nothing to pad."""
    if not any(before or after for before, after in pads):
        return x
    wider = (n + before + after for n, (before, after) in zip(x.shape[1:-1], pads, strict=True))
    result = np.full((len(x), *wider, x.shape[-1]), value, x.dtype)
    inner = (slice(before, before + n) for n, (before, _) in zip(x.shape[1:-1], pads, strict=True))
    result[(slice(None), *inner)] = x
    return result


def patches(x: Array, kernel: Shape, strides: Shape, dilation: Shape) -> Array:
    """Return the windows of ``x`` as a view (batch, rows, columns, kernel height, kernel width, channels)."""
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    windows = sliding_window_view(x, reach, axis=(1, 2))  # type: ignore[call-overload]
    strided: Array = windows[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]
    return strided.transpose(0, 1, 2, 4, 5, 3)


def convolve(x: Array, weight: Array, strides: Shape, pads: Pairs, dilation: Shape, groups: int) -> Array:
    """Cross-correlation; ``weight``: (kernel height, kernel width, in / groups, out)."""
    x = pad(x, pads)
    if groups == 1:
        return _convolve(x, weight, strides, dilation)
    parts = zip(np.split(x, groups, axis=-1), np.split(weight, groups, axis=-1), strict=True)
    return np.concatenate([_convolve(part, kernel, strides, dilation) for part, kernel in parts], axis=-1)


def _convolve(x: Array, weight: Array, strides: Shape, dilation: Shape) -> Array:
    kh, kw, _, out = weight.shape
    matrix = weight.reshape(-1, out)
    if (kh, kw) == (1, 1):
        return np.ascontiguousarray(x[:, :: strides[0], :: strides[1]]) @ matrix
    view = patches(x, (kh, kw), strides, dilation)
    (batch, rows, columns), width = view.shape[:3], len(matrix)
    result = np.empty((batch, rows, columns, out), x.dtype)
    fit = max(1, PATCH_BYTES // (columns * width * x.itemsize))
    images, height = max(1, min(batch, fit // rows)), min(rows, fit)
    buffer = np.empty((images, height, *view.shape[2:]), x.dtype)
    for start, top in product(range(0, batch, images), range(0, rows, height)):
        part = view[start : start + images, top : top + height]
        taken = buffer[: part.shape[0], : part.shape[1]]
        np.copyto(taken, part)
        target = result[start : start + images, top : top + height]
        np.matmul(taken.reshape(-1, width), matrix, out=target.reshape(-1, out))
    return result


def _shifted(x: Array, kernel: Shape, strides: Shape, counts: Shape, dilation: Shape) -> Iterator[Array]:
    """For every kernel element, the view of ``x`` that it meets at each of ``counts`` windows."""
    for m, n in product(*map(range, kernel)):
        top, left = m * dilation[0], n * dilation[1]
        yield x[
            :,
            top : top + (counts[0] - 1) * strides[0] + 1 : strides[0],
            left : left + (counts[1] - 1) * strides[1] + 1 : strides[1],
        ]


def convolve_depthwise(x: Array, weight: Array, strides: Shape, pads: Pairs, dilation: Shape) -> Array:
    """Every channel with its own kernels; ``weight``: (kernel height, kernel width, channels, multiplier)."""
    kernel, (channels, multiplier) = weight.shape[:2], weight.shape[2:]
    counts = window_counts(x.shape[1:3], kernel, strides, pads, dilation)
    result = np.zeros((len(x), *counts, channels, multiplier), x.dtype)
    taps = weight.reshape(-1, channels, multiplier)
    for view, tap in zip(_shifted(pad(x, pads), kernel, strides, counts, dilation), taps, strict=True):
        result += view[..., None] * tap
    return result.reshape(len(x), *counts, channels * multiplier)


def convolve_transposed(
    x: Array, weight: Array, strides: Shape, crops: Pairs, dilation: Shape, extra: Shape, groups: int
) -> Array:
    """The adjoint of `convolve`, cropped; ``weight``: (kernel height, kernel width, in / groups, out)."""
    kernel, counts, out = weight.shape[:2], x.shape[1:3], weight.shape[-1]
    full = tuple(
        max((n - 1) * s + d * (k - 1) + 1 + e, 0)
        for n, s, d, k, e in zip(counts, strides, dilation, kernel, extra, strict=True)
    )
    result = np.zeros((len(x), *full, out), x.dtype)
    inputs = np.split(x, groups, axis=-1)
    for view, tap in zip(
        _shifted(result, kernel, strides, counts, dilation), weight.reshape(-1, *weight.shape[2:]), strict=True
    ):
        taps = np.split(tap, groups, axis=-1)
        view += np.concatenate([part @ w for part, w in zip(inputs, taps, strict=True)], axis=-1)
    (top, bottom), (left, right) = crops
    return result[:, top : full[0] - bottom, left : full[1] - right]


def _reach(
    lengths: Shape, kernel: Shape, strides: Shape, pads: Pairs, dilation: Shape, ceil: bool
) -> tuple[Shape, Pairs]:
    """Return the window counts, and the padding with what the last windows need past the end."""
    counts = window_counts(lengths, kernel, strides, pads, dilation, ceil=ceil)
    needed = (
        (count - 1) * s + d * (k - 1) + 1 - length - before
        for count, s, d, k, length, (before, _) in zip(counts, strides, dilation, kernel, lengths, pads, strict=True)
    )
    return counts, tuple((before, max(after, end)) for (before, after), end in zip(pads, needed, strict=True))


def pool_maximum(x: Array, kernel: Shape, strides: Shape, pads: Pairs, dilation: Shape, ceil: bool) -> Array:
    """The largest of each window; padding never wins."""
    counts, reach = _reach(x.shape[1:3], kernel, strides, pads, dilation, ceil)
    views = _shifted(pad(x, reach, -np.inf), kernel, strides, counts, dilation)
    result = next(views).copy()
    for view in views:
        np.maximum(result, view, out=result)
    return result


def pool_average(x: Array, kernel: Shape, strides: Shape, pads: Pairs, ceil: bool, count_pad: bool) -> Array:
    """The mean of each window; ``count_pad``: declared padding counts in the divisor."""
    ones = (1,) * len(kernel)
    counts, reach = _reach(x.shape[1:3], kernel, strides, pads, ones, ceil)
    result = np.zeros((len(x), *counts, x.shape[-1]), x.dtype)
    for view in _shifted(pad(x, reach), kernel, strides, counts, ones):
        result += view
    divisors = _divisors(x.shape[1:3], kernel, strides, pads, reach, counts, count_pad)
    return np.asarray(result / divisors.astype(x.dtype))


def _divisors(
    lengths: Shape, kernel: Shape, strides: Shape, pads: Pairs, reach: Pairs, counts: Shape, count_pad: bool
) -> Array:
    inside = np.ones((1, *lengths, 1))
    if count_pad:
        inside = pad(inside, pads, 1.0)
        reach = tuple((0, end - after) for (_, after), (_, end) in zip(pads, reach, strict=True))
    total = np.zeros((1, *counts, 1))
    for view in _shifted(pad(inside, reach), kernel, strides, counts, (1,) * len(kernel)):
        total += view
    return np.maximum(total, 1)


def window_of(kernel: Shape, strides: Shape, dilation: Shape) -> tuple[Shape, Shape, Shape]:
    """Return kernel, strides and dilation for two axes: one-dimensional windows get a first axis of length one."""
    ones = (1,) * (2 - len(kernel))
    rank = len(kernel)
    return ones + kernel, ones + (strides or (1,) * rank), ones + (dilation or (1,) * rank)
