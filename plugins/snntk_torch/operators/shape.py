"""Builders of operators that reorder or pad, and of what asks for shapes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from snntk_core.ops import Flatten, Identity, Pad, Reshape, Transpose
from snntk_core.shapes import Shape, size
from snntk_torch.operators.axes import own_axis
from snntk_torch.operators.convolution import LARGEST_PADDING
from snntk_torch.refusal import Unsupported
from snntk_torch.translation import Call, Tensor, Value


def reshape_to(call: Call, value: Tensor, shape: Shape) -> Tensor:
    """Add what gives a sample another shape: a Flatten where it becomes flat, nothing where it has it already."""
    if shape == value.shape:
        return value
    return call.add(Flatten() if len(shape) == 1 else Reshape(shape), value)


def _reshape(call: Call) -> Tensor:
    value, target = call.tensor(), call.integers("shape")
    if not target:
        raise Unsupported("the new shape is missing or empty")
    return reshape_to(call, value, _sample_shape(call, target, value.shape))


def _sample_shape(call: Call, target: Shape, shape: Shape) -> Shape:
    """Return a target shape without its batch, which must come first and stay whole."""
    rest: Shape = target[1:]
    first, total = target[0], size(shape)
    if rest.count(-1) == 1 and first == call.translation.batch_size:
        known = prod(length for length in rest if length != -1)
        if known > 0 and total % known == 0:
            rest = tuple(total // known if length == -1 else length for length in rest)
    if first not in (-1, call.translation.batch_size) or prod(rest) != total or min(rest, default=1) < 1:
        raise Unsupported(f"the new shape {list(target)} does not keep samples of shape {shape} apart")
    return rest


def _flatten(call: Call) -> Tensor:
    value, rank = call.tensor(), len(call.tensor().shape) + 1
    first, last = call.integer("start_dim", 0) % rank, call.integer("end_dim", -1) % rank
    if first == 0 and last > 0:
        raise Unsupported("it flattens the batch too; begin with the second axis (start_dim=1)")
    if first >= last:
        return value
    joined = prod(value.shape[first - 1 : last])
    return reshape_to(call, value, (*value.shape[: first - 1], joined, *value.shape[last:]))


def _unflatten(call: Call) -> Tensor:
    value = call.tensor()
    axis, sizes = own_axis(call.integer("dim", 0), len(value.shape) + 1), call.integers("sizes") or ()
    if sizes.count(-1) == 1 and prod(sizes):
        sizes = tuple(value.shape[axis] // -prod(sizes) if length == -1 else length for length in sizes)
    return reshape_to(call, value, (*value.shape[:axis], *sizes, *value.shape[axis + 1 :]))


def _squeeze(call: Call) -> Tensor:
    value, axes = call.tensor(), call.integers("dim")
    if axes is None:
        if call.translation.batch == 1:
            raise Unsupported("it removes the batch axis too; name the axes to remove")
        gone = {axis for axis, length in enumerate(value.shape) if length == 1}
    else:
        own = {own_axis(axis, len(value.shape) + 1) for axis in axes if axis % (len(value.shape) + 1)}
        if len(own) < len(axes) and call.translation.batch == 1:
            raise Unsupported("it removes the batch axis; name the axes to remove")
        gone = {axis for axis in own if value.shape[axis] == 1}
    return reshape_to(call, value, tuple(n for axis, n in enumerate(value.shape) if axis not in gone))


def _unsqueeze(call: Call) -> Tensor:
    value = call.tensor()
    axis = own_axis(call.integer("dim", 0), len(value.shape) + 2)
    return reshape_to(call, value, (*value.shape[:axis], 1, *value.shape[axis:]))


def _turned(call: Call, order: Shape) -> Tensor:
    value, rank = call.tensor(), len(call.tensor().shape) + 1
    order = tuple(axis + rank if axis < 0 else axis for axis in order)
    if sorted(order) != list(range(rank)) or order[0] != 0:
        raise Unsupported(f"the order {list(order)} moves the batch axis or does not fit its input")
    if order == tuple(range(rank)):
        return value
    return call.add(Transpose(tuple(axis - 1 for axis in order[1:])), value)


def _permute(call: Call) -> Tensor:
    return _turned(call, call.integers("dims") or ())


def _transpose(call: Call) -> Tensor:
    rank = len(call.tensor().shape) + 1
    first, second = call.integer("dim0", 0) % rank, call.integer("dim1", 1) % rank
    order = list(range(rank))
    order[first], order[second] = second, first
    return _turned(call, tuple(order))


def _pad(call: Call) -> Tensor:
    value, pads = call.tensor(), call.integers("pad") or ()
    if call.get("mode", "constant") != "constant":
        raise Unsupported(f"the mode {call.get('mode')!r} is not supported; only 'constant' is")
    if len(pads) % 2 or len(pads) > 2 * len(value.shape) or max(map(abs, pads), default=0) > LARGEST_PADDING:
        raise Unsupported(f"the amounts {list(pads)[:8]} do not fit samples of shape {value.shape}")
    pairs = [pads[index : index + 2] for index in range(0, len(pads), 2)]
    amounts = [(0, 0)] * (len(value.shape) - len(pairs)) + [(before, after) for before, after in reversed(pairs)]
    return call.add(Pad(tuple(amounts), call.number("value", 0)), value)


def _expand(call: Call) -> Tensor:
    value, target = call.tensor(), call.integers("shape") or ()
    whole = (call.translation.batch_size, *value.shape)
    if len(target) != len(whole) or any(t not in (-1, n) for t, n in zip(target, whole, strict=True)):
        raise Unsupported(f"it repeats samples of shape {value.shape}")
    return value


def _size(call: Call) -> Value:
    whole = [call.translation.batch_size, *call.tensor().shape]
    return whole if call.get("dim") is None else whole[call.integer("dim", 0)]


def _itself(call: Call) -> Tensor:
    return call.tensor()


def _refuse_mode(call: Call) -> Tensor:
    raise Unsupported("padding with reflected, repeated or wrapped values is not supported; pad with a constant")


SHAPES: dict[str, Callable[[Call], Value]] = {
    "view": _reshape,
    "reshape": _reshape,
    "_unsafe_view": _reshape,
    "_reshape_alias": _reshape,
    "flatten": _flatten,
    "unflatten": _unflatten,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "permute": _permute,
    "transpose": _transpose,
    "swapaxes": _transpose,
    "pad": _pad,
    "constant_pad_nd": _pad,
    "reflection_pad1d": _refuse_mode,
    "reflection_pad2d": _refuse_mode,
    "replication_pad1d": _refuse_mode,
    "replication_pad2d": _refuse_mode,
    "expand": _expand,
    "size": _size,
    "sym_size": _size,
    "dim": lambda call: len(call.tensor().shape) + 1,
    "dtype": lambda call: "float32",
    "is_floating_point": lambda call: True,
    "__is__": lambda call: False,
    "__isnot__": lambda call: True,
    "identity": lambda call: call.add(Identity(), call.tensor()),
    **dict.fromkeys(("clone", "contiguous", "detach", "alias", "lift_fresh_copy", "lift_fresh"), _itself),
}
"""Builders of operators on shapes."""
