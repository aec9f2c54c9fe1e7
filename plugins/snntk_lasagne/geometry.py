"""Lasagne's ways of writing sizes, padding and shapes."""

from __future__ import annotations

from typing import Any

from snntk_core.shapes import Pairs, Shape, size
from snntk_lasagne.layers import Initial
from snntk_lasagne.refusal import TRUST, Refused

LARGEST = 1 << 28


def integer(value: Any, name: str) -> int:
    """Return an integer option."""
    if type(value) is not int or abs(value) > LARGEST:
        raise Refused(f"its {name} is not a known integer", remedy=TRUST if isinstance(value, Initial) else "")
    return value


def integers(value: Any, name: str, rank: int | None = None) -> Shape:
    """Return one integer for each axis; a single one stands for all of ``rank``."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,) * (rank or 1)
    if rank is not None and len(values) != rank:
        raise Refused(f"its {name} has {len(values)} numbers for {rank} axes")
    found = tuple(integer(item, name) for item in values)
    if min(found, default=0) < 0 or (name in ("stride", "filter_size", "pool_size") and min(found) < 1):
        raise Refused(f"its {name} is {found}, which cannot be")
    return found


def pads_of(amounts: Shape) -> Pairs:
    """Return the same padding before and after each axis."""
    return tuple((amount, amount) for amount in amounts)


def convolution_pads(pad: Any, kernel: Shape) -> Pairs:
    """Return what Lasagne pads: a number, one for each axis, 'valid', 'full' or 'same'."""
    if pad == "valid":
        return pads_of((0,) * len(kernel))
    if pad == "full":
        return pads_of(tuple(length - 1 for length in kernel))
    if pad == "same":
        if any(length % 2 == 0 for length in kernel):
            raise Refused(f"pad='same' with the even filter_size {kernel} is not possible in Lasagne either")
        return pads_of(tuple(length // 2 for length in kernel))
    if isinstance(pad, str):
        raise Refused(f"the pad {pad!r} is not known; numbers, 'valid', 'full' and 'same' are")
    return pads_of(integers(pad, "pad", len(kernel)))


def reshaped(wanted: Any, shape: Shape) -> Shape:
    """Return the shape of a sample after a ReshapeLayer, whose shape counts the batch: [i] repeats input axis i."""
    if not isinstance(wanted, list | tuple) or len(wanted) < 2 or wanted[0] not in ([0], (0,), -1):
        raise Refused("its shape must begin with the batch, written [0] or -1")
    lengths = []
    for item in wanted[1:]:
        axis = item[0] if isinstance(item, list | tuple) and len(item) == 1 else None
        if axis is not None and not (type(axis) is int and 1 <= axis <= len(shape)):
            raise Refused(f"its shape repeats axis {axis!r}, which its input does not have")
        lengths.append(integer(item, "shape") if axis is None else shape[axis - 1])
    open_axes = [axis for axis, length in enumerate(lengths) if length == -1]
    if len(open_axes) > 1 - (wanted[0] == -1) or min(lengths) < -1 or 0 in lengths:
        raise Refused(f"its shape {tuple(lengths)} is not known")
    if open_axes:
        known = size(tuple(length for length in lengths if length != -1))
        lengths[open_axes[0]] = size(shape) // known
    return tuple(lengths)


def axis_order(pattern: Any, rank: int) -> Shape:
    """Return how a DimshuffleLayer orders the axes of a sample; the batch stays first."""
    if not isinstance(pattern, list | tuple) or sorted(map(str, pattern)) != sorted(map(str, range(rank + 1))):
        raise Refused("its pattern is not an order of the axes; axes that are added or dropped are not supported")
    if pattern[0] != 0:
        raise Refused("its pattern moves the batch")
    return tuple(axis - 1 for axis in pattern[1:])
