"""Builders of operators that cut a value: slices and parts are paddings with negative amounts."""

from __future__ import annotations

from collections.abc import Sequence

from snntk_core.ops import Flatten, Pad, Reshape
from snntk_torch.operators.axes import sample_axis
from snntk_torch.refusal import Unsupported
from snntk_torch.translation import BATCH, Call, Tensor

PARTS = 4096


def cut(call: Call, value: Tensor, axis: int, start: int, stop: int, suffix: str = "") -> Tensor:
    """Keep ``start`` to ``stop`` along an axis of a sample."""
    length = value.shape[axis]
    if start == 0 and stop == length:
        return value
    if not 0 <= start < stop <= length:
        raise Unsupported(f"it keeps {start} to {stop} of an axis of {length}")
    amounts = [(0, 0)] * len(value.shape)
    amounts[axis] = (-start, stop - length)
    return call.add(Pad(tuple(amounts)), value, suffix=suffix)


def _slice(call: Call) -> Tensor:
    value = call.tensor()
    if call.integer("dim", 0) % (len(value.shape) + 1) == 0:
        return _whole_batch(call, value)
    axis = sample_axis(call, value)
    if call.integer("step", 1) != 1:
        raise Unsupported(f"a step of {call.integer('step', 1)} is not supported; only one is")
    start, stop, _ = slice(call.get("start"), call.get("end")).indices(value.shape[axis])
    return cut(call, value, axis, start, stop)


def _whole_batch(call: Call, value: Tensor) -> Tensor:
    batch = call.translation.batch or BATCH
    if call.integer("step", 1) != 1 or slice(call.get("start"), call.get("end")).indices(batch) != (0, batch, 1):
        raise Unsupported("it cuts the batch")
    return value


def _narrow(call: Call) -> Tensor:
    value = call.tensor()
    axis, start = sample_axis(call, value), call.integer("start", 0)
    start = start + value.shape[axis] if start < 0 else start
    return cut(call, value, axis, start, start + call.integer("length", 0))


def _without(call: Call, value: Tensor, axis: int) -> Tensor:
    shape = (*value.shape[:axis], *value.shape[axis + 1 :])
    return call.add(Flatten() if len(shape) == 1 else Reshape(shape), value, suffix="_element")


def _select(call: Call) -> Tensor:
    value = call.tensor()
    axis, index = sample_axis(call, value), call.integer("index", 0)
    index = index + value.shape[axis] if index < 0 else index
    return _without(call, cut(call, value, axis, index, index + 1), axis)


def _unbind(call: Call) -> list[Tensor]:
    value = call.tensor()
    axis = sample_axis(call, value)
    parts = _parts(call, value, axis, [1] * min(value.shape[axis], PARTS + 1))
    return [_without(call, part, axis) for part in parts]


def _parts(call: Call, value: Tensor, axis: int, sizes: Sequence[int]) -> list[Tensor]:
    length = value.shape[axis]
    if len(sizes) > PARTS or sum(sizes) != length or min(sizes, default=0) < 1:
        raise Unsupported(f"parts of {list(sizes)[:8]} do not make up an axis of {length}")
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    return [cut(call, value, axis, start, start + part) for start, part in zip(starts, sizes, strict=True)]


def _evenly(length: int, part: int) -> list[int]:
    if part < 1 or length // part > PARTS:
        raise Unsupported(f"an axis of {length} has no parts of {part}")
    return [min(part, length - start) for start in range(0, length, part)]


def _split(call: Call) -> list[Tensor]:
    value = call.tensor()
    axis, sizes = sample_axis(call, value), call.integers("split_size") or ()
    given = isinstance(call.get("split_size"), list | tuple)
    return _parts(call, value, axis, sizes if given else _evenly(value.shape[axis], sizes[0]))


def _chunk(call: Call) -> list[Tensor]:
    value = call.tensor()
    axis, count = sample_axis(call, value), call.integer("chunks", 1)
    if count < 1:
        raise Unsupported(f"{count} parts were asked for")
    return _parts(call, value, axis, _evenly(value.shape[axis], -(-value.shape[axis] // count)))


CUTTING = {
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "unbind": _unbind,
    "split": _split,
    "split_with_sizes": _split,
    "unsafe_split": _split,
    "unsafe_split_with_sizes": _split,
    "chunk": _chunk,
    "unsafe_chunk": _chunk,
}
"""Builders of operators that cut."""
