"""Builders of operators that reorder, cut or pad; and the shape arithmetic that feeds them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from snntk_core.ops import Array, Flatten, Identity, Pad, Reshape, Transpose
from snntk_core.shapes import Pairs, Shape, size
from snntk_onnx.tensors import Unsupported
from snntk_onnx.translation import BATCH, Call, Tensor, Value


def _shape(call: Call) -> Array:
    whole = (BATCH, *call.tensor().shape)
    return np.array(whole[call.integer("start", 0) : call.attributes.get("end")], np.int64)


def _size(call: Call) -> Array:
    return np.array(BATCH * size(call.tensor().shape), np.int64)


def reshape_to(call: Call, value: Tensor, shape: Shape) -> Tensor:
    """Add what gives a sample another shape: a Flatten where it becomes flat."""
    return call.add(Flatten() if len(shape) == 1 else Reshape(shape), value)


def _reshape(call: Call) -> Tensor:
    value = call.tensor()
    target = call.integers("shape", 1)
    if not target:
        raise Unsupported("the new shape is missing or empty")
    if not call.integer("allowzero", 0):
        whole = (BATCH, *value.shape)
        if any(length == 0 and axis >= len(whole) for axis, length in enumerate(target)):
            raise Unsupported(f"the new shape {list(target)} copies an axis that its input does not have")
        target = tuple(whole[axis] if length == 0 else length for axis, length in enumerate(target))
    return reshape_to(call, value, _sample_shape(call, target, value.shape))


def _sample_shape(call: Call, target: Shape, shape: Shape) -> Shape:
    """Return a target shape without its batch, which must come first and stay whole."""
    first, rest, total = target[0], target[1:], size(shape)
    if rest.count(-1) == 1 and first in (BATCH, call.translation.batch or 1):
        known = prod(length for length in rest if length != -1)
        if known > 0 and total % known == 0:
            rest = tuple(total // known if length == -1 else length for length in rest)
    if prod(rest) != total or min(rest, default=1) < 1:
        raise Unsupported(f"the new shape {list(target)} does not keep samples of shape {shape} apart")
    return rest


def _flatten(call: Call) -> Tensor:
    value, rank = call.tensor(), len(call.tensor().shape) + 1
    axis = call.integer("axis", 1)
    axis = axis + rank if axis < 0 else axis
    joined = value.shape[: max(axis - 1, 0)]
    if (axis == 0 and call.translation.batch != 1) or prod(joined) != 1 or axis > rank:
        raise Unsupported(f"the axis {axis} mixes samples of shape {value.shape}")
    return call.add(Flatten(), value)


def _own_axes(axes: Shape, rank: int) -> set[int]:
    """Axes of a whole value as axes of a sample."""
    if any(not -rank <= axis < rank for axis in axes):
        raise Unsupported(f"the axes {list(axes)} do not fit {rank} axes")
    own = {axis % rank - 1 for axis in axes}
    if -1 in own:
        raise Unsupported("it adds, removes or changes the batch axis")
    return own


def _squeeze(call: Call) -> Tensor:
    value = call.tensor()
    axes = call.integers("axes", 1)
    if axes is None:
        if call.translation.batch == 1:
            raise Unsupported("it removes the batch axis too; name the axes to remove")
        gone = {axis for axis, length in enumerate(value.shape) if length == 1}
    else:
        gone = _own_axes(axes, len(value.shape) + 1)
    if any(value.shape[axis] != 1 for axis in gone):
        raise Unsupported(f"it removes axes of samples of shape {value.shape} that are longer than one")
    return reshape_to(call, value, tuple(n for axis, n in enumerate(value.shape) if axis not in gone))


def _unsqueeze(call: Call) -> Tensor:
    value, axes = call.tensor(), call.integers("axes", 1) or ()
    new = _own_axes(axes, len(value.shape) + 1 + len(axes))
    lengths = iter(value.shape)
    return reshape_to(call, value, tuple(1 if i in new else next(lengths) for i in range(len(value.shape) + len(new))))


def _transpose(call: Call) -> Tensor:
    value = call.tensor()
    order = call.integers("perm") or tuple(range(len(value.shape), -1, -1))
    if sorted(order) != list(range(len(value.shape) + 1)) or order[0] != 0:
        raise Unsupported(f"the order {list(order)} moves the batch axis or does not fit its input")
    return call.add(Transpose(tuple(axis - 1 for axis in order[1:])), value)


def _pad(call: Call) -> Tensor:
    value, rank = call.tensor(), len(call.tensor().shape) + 1
    pads = call.integers("pads", 1)
    if pads is None:
        raise Unsupported("the attribute pads is missing")
    if any(pads) and call.text("mode", "constant") != "constant":
        raise Unsupported(f"the mode {call.text('mode', '')!r} is not supported; only 'constant' is")
    axes = [axis % rank for axis in call.integers("axes", 3) or range(rank)]
    if len(pads) != 2 * len(axes):
        raise Unsupported(f"the amounts {list(pads)} do not fit {len(axes)} axes")
    amounts = [(0, 0)] * rank
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        amounts[axis] = (before, after)
    if amounts[0] != (0, 0):
        raise Unsupported("it pads the batch")
    number = float(call.constant(2, "value").reshape(-1)[0]) if call.given(2) else call.number("value", 0.0)
    return call.add(Pad(tuple(amounts[1:]), number), value)


def _slice(call: Call) -> Tensor:
    """A slice with steps of one is a padding with negative amounts."""
    value, rank = call.tensor(), len(call.tensor().shape) + 1
    starts, ends = call.integers("starts", 1) or (), call.integers("ends", 2) or ()
    axes, steps = call.integers("axes", 3) or tuple(range(len(starts))), call.integers("steps", 4) or ()
    if any(step != 1 for step in steps):
        raise Unsupported(f"steps of {list(steps)} are not supported; only one is")
    amounts = [(0, 0)] * rank
    for axis, start, end in zip(axes, starts, ends, strict=True):
        length = (BATCH, *value.shape)[axis]
        begin, stop, _ = slice(start, end).indices(length)
        amounts[axis % rank] = (-begin, stop - length)
    return _cut(call, value, amounts)


def _cut(call: Call, value: Tensor, amounts: list[tuple[int, int]]) -> Tensor:
    if amounts[0] != (0, 0):
        raise Unsupported("it cuts the batch")
    kept: Pairs = tuple(amounts[1:])
    if any(n + before + after < 1 for n, (before, after) in zip(value.shape, kept, strict=True)):
        raise Unsupported(f"it leaves nothing of samples of shape {value.shape}")
    return call.add(Pad(kept), value)


def _split(call: Call) -> tuple[Tensor, ...]:
    value, rank, count = call.tensor(), len(call.tensor().shape) + 1, len(call.outputs)
    (axis,) = (axis + 1 for axis in _own_axes((call.integer("axis", 0),), rank))
    length = value.shape[axis - 1]
    each = -(-length // count)
    sizes = call.integers("split", 1) or (*(each for _ in range(count - 1)), length - each * (count - 1))
    if len(sizes) != count or sum(sizes) != length or min(sizes) < 1:
        raise Unsupported(f"parts of {list(sizes)} do not make up an axis of {length} in {count} outputs")
    parts, start = [], 0
    for part in sizes:
        amounts = [(0, 0)] * rank
        amounts[axis] = (-start, start + part - length)
        parts.append(_cut(call, value, amounts))
        start += part
    return tuple(parts)


def _expand(call: Call) -> Tensor:
    value, target = call.tensor(), call.integers("shape", 1) or ()
    whole = (BATCH, *value.shape)
    same = len(target) <= len(whole) and all(
        t in (1, n) or (n == BATCH and t == call.translation.batch)
        for t, n in zip(reversed(target), reversed(whole), strict=False)
    )
    if not same:
        raise Unsupported(f"it repeats samples of shape {value.shape}")
    return call.add(Identity(), value)


SHAPES: dict[str, Callable[[Call], Value | tuple[Value, ...]]] = {
    "Shape": _shape,
    "Size": _size,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Pad": _pad,
    "Slice": _slice,
    "Split": _split,
    "Expand": _expand,
}
"""Builders of operators on shapes."""
