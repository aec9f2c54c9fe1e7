"""Axes of a whole value, batch included, as axes of a sample."""

from __future__ import annotations

from snntk_core.shapes import Shape
from snntk_torch.refusal import Unsupported
from snntk_torch.translation import Call, Tensor


def own_axis(axis: int, rank: int) -> int:
    """Return an axis of a sample for an axis of a value with ``rank`` axes.  Raises `Unsupported` for the batch."""
    if not -rank <= axis < rank:
        raise Unsupported(f"the axis {axis} does not fit {rank} axes")
    if axis % rank == 0:
        raise Unsupported("it works along the batch, which would mix the samples")
    return axis % rank - 1


def sample_axis(call: Call, value: Tensor, key: str = "dim", default: int = 0) -> int:
    """Return the argument ``key`` as an axis of a sample."""
    return own_axis(call.integer(key, default), len(value.shape) + 1)


def spatial_rank(value: Tensor) -> int:
    """Return the number of spatial axes of a channels-first value: one or two."""
    rank = len(value.shape) - 1
    if rank not in (1, 2):
        raise Unsupported(f"it has {rank} spatial axes; only one or two are supported")
    return rank


def per_axis(call: Call, key: str, rank: int, default: int = 1) -> Shape:
    """Return one integer for each spatial axis; a single one stands for all."""
    values = call.integers(key) or (default,) * rank
    values = values * rank if len(values) == 1 else values
    if len(values) != rank or min(values) < min(default, 1):
        raise Unsupported(f"its argument {key!r} is {list(values)}, which does not fit {rank} spatial axes")
    return values
