"""Weighted ops as one: a kernel that does what two did, or the matrix of a whole chain.  Float64 throughout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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
    evaluate,
)
from snntk_core.ops import Array, WeightedOp
from snntk_core.scaling import SCALABLE, pads
from snntk_core.shapes import Shape, resolve_padding, size
from snntk_standard.folding import commutes

ROWS = 256  # unit vectors evaluated at once


def composed(first: WeightedOp, second: WeightedOp, shape: Shape, between: Shape) -> WeightedOp | None:
    """Return the op that applies ``first`` to ``shape``, then ``second`` to ``between``, or None.

    One of them must be pointwise: a Dense, or a convolution with kernel one and no padding.  Then
    ``K[.., i, o] = sum_m K1[.., i, m] K2[.., m, o]``; groups and depthwise kernels become full ones.  A pointwise
    ``first`` with a bias cannot go before zero padding.
    """
    if not (isinstance(first, SCALABLE) and isinstance(second, SCALABLE)):
        return None
    rank = len(shape) - 1
    kernel, after = _full_kernel(first, rank), _full_kernel(second, rank)
    bias, shift = _bias(first), _bias(second)
    strides = tuple(a * b for a, b in zip(_strides(first, rank), _strides(second, rank), strict=True))
    skips = isinstance(first, ConvTranspose2D) and not _unstrided(second, rank)
    if _pointwise(second, between) and not isinstance(first, Dense) and not skips:
        mix = after.reshape(after.shape[-2:])
        return _built(first, kernel @ mix, bias @ mix + shift, strides, shape, rank)
    uniform = not isinstance(second, ConvTranspose2D) and not pads(second, between)
    if _pointwise(first, shape) and _unstrided(first, rank) and (uniform or not bias.any()):
        taps = after.reshape(-1, *after.shape[-2:]).sum(axis=0)
        whole = np.einsum("im,...mo->...io", kernel.reshape(kernel.shape[-2:]), after)
        return _built(second, whole, bias @ taps + shift, strides, shape, rank)
    return None


def as_mixing(op: WeightedOp, shape: Shape) -> Dense | None:
    """Return the `Dense` that does what a pointwise op without strides does on ``shape``, None for any other op."""
    rank = len(shape) - 1
    if not isinstance(op, SCALABLE) or not _pointwise(op, shape) or not _unstrided(op, rank):
        return None
    kernel = _full_kernel(op, rank)
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


def _built(like: WeightedOp, weight: Array, bias: Array, strides: Shape, shape: Shape, rank: int) -> WeightedOp:
    """Return an op on ``shape`` with the windows of ``like``, one group, and other strides."""
    weight = weight.astype(dtype := np.result_type(like.arrays["weight"], np.float32))
    offset = bias.astype(dtype) if bias.any() else None
    if isinstance(like, Dense):
        return Dense(weight.reshape(weight.shape[-2:]), offset)
    if isinstance(like, ConvTranspose2D):
        return replace(like, weight=weight, bias=offset, groups=1)
    assert isinstance(like, Conv1D | Conv2D | DepthwiseConv2D)
    padding = like.padding
    if strides != _strides(like, rank):  # "same" depends on the strides, so what it added so far is spelled out
        dilation = like.dilation or (1,) * rank
        padding = resolve_padding(padding, shape[:-1], weight.shape[:rank], _strides(like, rank), dilation)
    conv = Conv1D if rank == 1 else Conv2D
    return conv(weight, offset, strides, padding, like.dilation)


def _pointwise(op: WeightedOp, shape: Shape) -> bool:
    if isinstance(op, Dense):
        return True
    kernel = op.arrays["weight"].shape[: len(shape) - 1]
    return not isinstance(op, ConvTranspose2D) and max(kernel) == 1 and not pads(op, shape)


def _strides(op: WeightedOp, rank: int) -> Shape:
    return getattr(op, "strides", ()) or (1,) * rank


def _unstrided(op: WeightedOp, rank: int) -> bool:
    return all(stride == 1 for stride in _strides(op, rank))


def _bias(op: WeightedOp) -> Array:
    bias = op.arrays.get("bias")
    return np.zeros(op.units) if bias is None else bias.astype(np.float64)


def _full_kernel(op: WeightedOp, rank: int) -> Array:
    """Return the weight of an op as that of one group: (kernel..., in, out)."""
    weight = op.arrays["weight"].astype(np.float64)
    if isinstance(op, Dense):
        return weight.reshape((1,) * rank + weight.shape)
    if isinstance(op, DepthwiseConv2D):  # one group for each channel
        groups, weight = weight.shape[2], weight.reshape(*weight.shape[:2], 1, -1)
    else:
        groups = getattr(op, "groups", 1)
    inputs, units = weight.shape[-2], weight.shape[-1] // groups
    full = np.zeros((*weight.shape[:-2], inputs * groups, units * groups))
    for group in range(groups):
        rows, columns = slice(group * inputs, (group + 1) * inputs), slice(group * units, (group + 1) * units)
        full[..., rows, columns] = weight[..., columns]
    return full
