"""Weighted ops as one: a kernel that does what two did, or the matrix of a whole chain.  Float64 throughout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from snntk_core import (
    AveragePool,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Graph,
    Identity,
    Input,
    Node,
    Op,
    Pad,
    Scale,
    Upsample,
    apply,
    evaluate,
)
from snntk_core.ops import Array, WeightedOp
from snntk_core.scaling import SCALABLE, groups_of, pads
from snntk_core.shapes import Shape, resolve_padding, size
from snntk_standard.folding import commutes

ROWS = 256  # unit vectors evaluated at once


class Window(NamedTuple):
    """A convolution along one axis, padding included."""

    kernel: int
    stride: int
    dilation: int
    before: int
    after: int


def composed(
    first: WeightedOp, second: WeightedOp, shape: Shape, between: Shape
) -> tuple[WeightedOp, Array | None] | None:
    """Return the op that applies ``first`` to ``shape``, then ``second`` to ``between``, and what to add, or None.

    ``K[d1 m + s1 d2 n] = sum(K1[m] @ K2[n])``; groups and depthwise kernels become full ones.  What ``second`` pads
    must be what ``first`` makes of the zeros around its input; the bias of ``first`` does not reach there, so it is
    returned apart, as a map to add to the output.  A transposed convolution is composed with a pointwise op only.
    """
    if not (isinstance(first, SCALABLE) and isinstance(second, SCALABLE)):
        return None
    rank = len(shape) - 1
    kernels = _full_kernel(first, rank), _full_kernel(second, rank)
    if isinstance(first, Dense) and isinstance(second, Dense):
        op: WeightedOp | None = Dense((kernels[0] @ kernels[1]).reshape(len(first.weight), -1))
    elif isinstance(first, ConvTranspose2D) or isinstance(second, ConvTranspose2D):
        op = _transposed(first, second, kernels, (shape, between))
    else:
        op = _convolution(first, second, kernels, (shape, between))
    if op is None:
        return None
    dtype = np.result_type(first.weight, second.weight, np.float32)
    changed: dict[str, Any] = {"weight": op.arrays["weight"].astype(dtype)}
    bias = np.zeros(first.units) if first.bias is None else first.bias.astype(np.float64)
    if bias.any() and (isinstance(second, ConvTranspose2D) or pads(second, between)):
        border = apply(second, np.broadcast_to(bias, (1, *between)))[0].astype(dtype)
        return replace(op, **changed), border
    bias = bias @ kernels[1].reshape(-1, *kernels[1].shape[-2:]).sum(axis=0)
    bias = bias if second.bias is None else bias + second.bias
    changed["bias"] = bias.astype(dtype) if bias.any() else None
    return replace(op, **changed), None


def _transposed(
    first: WeightedOp, second: WeightedOp, kernels: tuple[Array, Array], shapes: tuple[Shape, Shape]
) -> WeightedOp | None:
    mixing, other = (first, second) if isinstance(second, ConvTranspose2D) else (second, first)
    if as_mixing(mixing, shapes[mixing is second]) is None:
        return None
    assert isinstance(other, ConvTranspose2D)
    return replace(other, weight=kernels[0] @ kernels[1], bias=None, groups=1)


def _convolution(
    first: WeightedOp, second: WeightedOp, kernels: tuple[Array, Array], shapes: tuple[Shape, Shape]
) -> WeightedOp | None:
    rank, after = len(shapes[0]) - 1, second.infer(shapes[1])
    if rank not in (1, 2):
        return None
    pairs = list(zip(_windows(first, shapes[0]), _windows(second, shapes[1]), strict=True))
    lengths = zip(shapes[0][:-1], shapes[1][:-1], after[:-1], strict=True)
    found = [_joined(one, two, along) for (one, two), along in zip(pairs, lengths, strict=True)]
    joined = [window for window in found if window is not None]
    if len(joined) != rank:
        return None
    weight = np.zeros((*(window.kernel for window in joined), kernels[0].shape[-2], kernels[1].shape[-1]))
    for tap in np.ndindex(kernels[1].shape[:rank]):
        index = tuple(_taps(n, *pair, window) for n, pair, window in zip(tap, pairs, joined, strict=True))
        weight[index] += kernels[0] @ kernels[1][tap]
    strides, dilation = tuple(w.stride for w in joined), tuple(w.dilation for w in joined)
    conv = Conv1D if rank == 1 else Conv2D
    return conv(weight, None, strides, tuple((w.before, w.after) for w in joined), dilation)


def _joined(one: Window, two: Window, lengths: tuple[int, int, int]) -> Window | None:
    """Return both windows as one, for the lengths of the input, between them and of the output."""
    length, middle, end = lengths
    reach = one.dilation * (one.kernel - 1)
    overlaps = one.before or one.after or reach >= one.stride or (two.after and middle * one.stride < length)
    if (two.before or two.after) and overlaps:
        return None
    dilation = gcd(one.dilation * (one.kernel > 1), one.stride * two.dilation * (two.kernel > 1)) or 1
    reach += one.stride * two.dilation * (two.kernel - 1)
    stride, before = one.stride * two.stride, one.before + one.stride * two.before
    over = (end - 1) * stride + reach + 1 - length - before
    if over <= -stride:  # one more window would fit
        return None
    return Window(reach // dilation + 1, stride, dilation, before, max(over, 0))


def _taps(n: int, one: Window, two: Window, joined: Window) -> slice:
    """Return where the kernel of ``one`` falls in the joined kernel, under tap ``n`` of ``two``."""
    start = n * one.stride * two.dilation // joined.dilation
    step = max(one.dilation // joined.dilation, 1)
    return slice(start, start + (one.kernel - 1) * step + 1, step)


def _windows(op: WeightedOp, shape: Shape) -> tuple[Window, ...]:
    rank = len(shape) - 1
    if isinstance(op, Dense):
        return (Window(1, 1, 1, 0, 0),) * rank
    assert isinstance(op, Conv1D | Conv2D | DepthwiseConv2D)
    kernel, strides, dilation = op.weight.shape[:rank], op.strides or (1,) * rank, op.dilation or (1,) * rank
    padding = resolve_padding(op.padding, shape[:-1], kernel, strides, dilation)
    return tuple(Window(k, s, d, *pair) for k, s, d, pair in zip(kernel, strides, dilation, padding, strict=True))


def as_mixing(op: WeightedOp, shape: Shape) -> Dense | None:
    """Return the `Dense` that does what a pointwise op without strides does on ``shape``, None for any other op."""
    if not isinstance(op, SCALABLE) or isinstance(op, ConvTranspose2D):
        return None
    if any(window != (1, 1, window.dilation, 0, 0) for window in _windows(op, shape)):
        return None
    kernel = _full_kernel(op, len(shape) - 1)
    return Dense(kernel.reshape(kernel.shape[-2:]).astype(op.weight.dtype), op.bias)


def commute(mix: Dense, op: Op, shape: Shape) -> bool:
    """Whether mixing the channels may come before ``op`` on ``shape`` as well as after it."""
    if isinstance(op, Flatten):
        return shape[-1] == size(shape)
    if isinstance(op, AveragePool | GlobalAveragePool | Upsample):
        return commutes(op, Scale(np.ones(()), mix.bias), shape)
    return isinstance(op, Identity | Dropout)


def affine(nodes: tuple[Node, ...], shape: Shape) -> tuple[Array, Array]:
    """Return the matrix (in, out) and the bias of a chain of affine ops, in float64."""
    source = Node("", Input(shape))
    chain = Graph((source, replace(nodes[0], inputs=("",)), *nodes[1:]))
    linear = Graph((source, *(_without_offset(node) for node in chain.nodes[1:])))
    weight = [evaluate(linear, rows).reshape(len(rows), -1) for rows in _unit_vectors(shape)]
    return np.concatenate(weight), evaluate(chain, np.zeros((1, *shape))).reshape(-1)


def _without_offset(node: Node) -> Node:
    match node.op:
        case Scale():
            return replace(node, op=replace(node.op, offset=None))
        case Pad():
            return replace(node, op=replace(node.op, value=0.0))
        case WeightedOp():
            without: dict[str, None] = {"bias": None}
            return replace(node, op=replace(node.op, **without))
    return node


def _unit_vectors(shape: Shape) -> Iterator[Array]:
    """Yield the rows of the identity matrix, some at a time."""
    for start in range(0, size(shape), ROWS):
        yield np.eye(min(ROWS, size(shape) - start), size(shape), start).reshape(-1, *shape)


def _full_kernel(op: WeightedOp, rank: int) -> Array:
    """Return the weight of an op as that of one group: (kernel..., in, out)."""
    weight = op.arrays["weight"].astype(np.float64)
    if isinstance(op, Dense):
        return weight.reshape((1,) * rank + weight.shape)
    if isinstance(op, DepthwiseConv2D):  # one group for each channel
        groups, weight = weight.shape[2], weight.reshape(*weight.shape[:2], 1, -1)
    else:
        groups = groups_of(op)
    inputs, units = weight.shape[-2], weight.shape[-1] // groups
    full = np.zeros((*weight.shape[:-2], inputs * groups, units * groups))
    for group in range(groups):
        rows, columns = slice(group * inputs, (group + 1) * inputs), slice(group * units, (group + 1) * units)
        full[..., rows, columns] = weight[..., columns]
    return full
