"""What every op of an analog network means in torch, channels last, with gradients; rounding passes them straight.

Each function takes the op, its arrays as tensors by name, and its inputs, each (batch, *shape).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce, singledispatch
from typing import TYPE_CHECKING, Any

from snntk_core import (
    Add,
    BatchNorm,
    Concat,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    Input,
    LocalResponseNormalization,
    Multiply,
    Op,
    Pad,
    Reshape,
    Scale,
    Subtract,
    Transpose,
    Upsample,
)
from snntk_core.shapes import Pairs

if TYPE_CHECKING:
    from torch import Tensor

Arrays = Mapping[str, Any]


@singledispatch
def computed(op: Op, arrays: Arrays, *values: Tensor) -> Tensor:
    """Return what an op puts out; `TypeError` for one that `trains` denies, which networks are checked for before."""
    raise TypeError(f"{type(op).__name__} has no meaning in a network that is trained; ask `trains` first.")


def trains(op: Op) -> bool:
    """Whether an op has a meaning here."""
    return computed.dispatch(type(op)) is not computed.dispatch(object)


def padded(x: Tensor, pads: Pairs, value: float = 0.0) -> Tensor:
    """Return ``x`` with all axes but the first lengthened or, by negative amounts, cropped; or the last ones."""
    from torch.nn import functional

    amounts = [amount for pair in reversed(pads) for amount in pair]
    return functional.pad(x, amounts, value=value) if any(amounts) else x


def biased(y: Tensor, arrays: Arrays) -> Tensor:
    """Return ``y`` with the bias, if there is one."""
    return y + arrays["bias"] if "bias" in arrays else y


@computed.register(Dense)
def _(op: Dense, arrays: Arrays, x: Tensor) -> Tensor:
    return biased(x @ arrays["weight"], arrays)


@computed.register(GlobalAveragePool)
def _(op: GlobalAveragePool, arrays: Arrays, x: Tensor) -> Tensor:
    return x.mean(dim=tuple(range(1, x.ndim - 1)), keepdim=op.keep_axes)


@computed.register(GlobalMaxPool)
def _(op: GlobalMaxPool, arrays: Arrays, x: Tensor) -> Tensor:
    return x.amax(dim=tuple(range(1, x.ndim - 1)), keepdim=op.keep_axes)


@computed.register(Input)
def _(op: Input, arrays: Arrays, x: Tensor) -> Tensor:
    return x.permute(0, *(axis + 1 for axis in op.order)) if op.order else x


@computed.register(Upsample)
def _(op: Upsample, arrays: Arrays, x: Tensor) -> Tensor:
    return reduce(lambda y, item: y.repeat_interleave(item[1], dim=item[0] + 1), enumerate(op.factors), x)


@computed.register(Pad)
def _(op: Pad, arrays: Arrays, x: Tensor) -> Tensor:
    return padded(x, op.amounts, op.value)


@computed.register(Flatten)
def _(op: Flatten, arrays: Arrays, x: Tensor) -> Tensor:
    return x.reshape(len(x), -1)


@computed.register(Reshape)
def _(op: Reshape, arrays: Arrays, x: Tensor) -> Tensor:
    return x.reshape(len(x), *op.shape)


@computed.register(Transpose)
def _(op: Transpose, arrays: Arrays, x: Tensor) -> Tensor:
    return x.permute(0, *(axis + 1 for axis in op.order))


@computed.register(Scale)
def _(op: Scale, arrays: Arrays, x: Tensor) -> Tensor:
    y = x * arrays["factor"]
    return y + arrays["offset"] if "offset" in arrays else y


@computed.register(Add)
def _(op: Add, arrays: Arrays, *values: Tensor) -> Tensor:
    return reduce(lambda x, y: x + y, values)


@computed.register(Subtract)
def _(op: Subtract, arrays: Arrays, x: Tensor, y: Tensor) -> Tensor:
    return x - y


@computed.register(Multiply)
def _(op: Multiply, arrays: Arrays, x: Tensor, y: Tensor) -> Tensor:
    return x * y


@computed.register(Concat)
def _(op: Concat, arrays: Arrays, *values: Tensor) -> Tensor:
    import torch

    return torch.cat(values, dim=op.axis if op.axis < 0 else op.axis + 1)


@computed.register(Identity)
@computed.register(Dropout)  # the module drops values while it trains
def _(op: Op, arrays: Arrays, x: Tensor) -> Tensor:
    return x


@computed.register(BatchNorm)
def _(op: BatchNorm, arrays: Arrays, x: Tensor) -> Tensor:
    factor = (arrays["variance"] + op.epsilon).rsqrt()
    if "scale" in arrays:
        factor = factor * arrays["scale"]
    y = (x - arrays["mean"]) * factor
    return y + arrays["offset"] if "offset" in arrays else y


@computed.register(LocalResponseNormalization)
def _(op: LocalResponseNormalization, arrays: Arrays, x: Tensor) -> Tensor:
    from torch.nn import functional

    squares = functional.pad(x.square(), ((op.size - 1) // 2, op.size // 2))
    total = squares.unfold(-1, op.size, 1).sum(dim=-1)
    return x / (op.bias + op.alpha / op.size * total) ** op.beta
