"""Windows of pooling: how far they reach, and how much of each lies inside the data."""

from __future__ import annotations

import numpy as np

from snntk_core import Array, AveragePool, SpikingMaxPool
from snntk_core.shapes import Pairs, Shape, resolve_padding, window_counts


def two_axes(values: Shape, default: int = 1) -> Shape:
    """Return a size for each of two axes: one-dimensional windows get a first axis of length one."""
    return (default,) * (2 - len(values)) + tuple(values)


def pool_reach(op: AveragePool | SpikingMaxPool, shape: Shape) -> Pairs:
    """Return the padding of two axes, with what the last windows need past the end; ``shape``: the input's."""
    rank = len(op.kernel)
    lengths, strides = shape[:rank], op.strides or op.kernel
    dilation = (isinstance(op, SpikingMaxPool) and op.dilation) or (1,) * rank
    pads = resolve_padding(op.padding, lengths, op.kernel, strides, dilation)
    counts = window_counts(lengths, op.kernel, strides, pads, dilation, ceil=op.ceil_mode)
    ends = (
        (count - 1) * s + d * (k - 1) + 1 - n - before
        for count, s, d, k, n, (before, _) in zip(counts, strides, dilation, op.kernel, lengths, pads, strict=True)
    )
    reach = tuple((before, max(after, end)) for (before, after), end in zip(pads, ends, strict=True))
    return ((0, 0),) * (2 - rank) + reach


def average_divisors(op: AveragePool, shape: Shape) -> Array:
    """Return by what the sum of each window is divided: (rows, columns, 1); ``shape``: the input's."""
    rank = len(op.kernel)
    lengths, strides = shape[:rank], op.strides or op.kernel
    ones = (1,) * rank
    pads = resolve_padding(op.padding, lengths, op.kernel, strides, ones)
    counts = window_counts(lengths, op.kernel, strides, pads, ones, ceil=op.ceil_mode)
    inside = [np.ones(1, np.int64)] * (2 - rank)
    for count, s, k, n, (before, after) in zip(counts, strides, op.kernel, lengths, pads, strict=True):
        start = np.arange(count) * s - before
        low, high = (-before, n + after) if op.count_include_pad else (0, n)
        inside.append(np.clip(np.minimum(start + k, high) - np.maximum(start, low), 0, None))
    return np.maximum(np.multiply.outer(*inside), 1)[..., None]
