"""Where an affine map may go: past the ops it commutes with, into weights or into another affine map, exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from snntk_core import (
    Add,
    AveragePool,
    Concat,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    Identity,
    MaxPool,
    Op,
    Pad,
    Reshape,
    Scale,
    Subtract,
    Transpose,
    Upsample,
)
from snntk_core.ops import Array
from snntk_core.scaling import SCALABLE, per_channel, scale_inputs, scale_outputs
from snntk_core.shapes import Shape, resolve_padding
from snntk_standard.paths import only_user


def fold_scale(graph: Graph, name: str) -> Graph | None:
    """Return the graph without the `Scale` at ``name``, its map kept by what it reads, else by all that read it.

    None where neither is exact.
    """
    scale = graph[name].op
    assert isinstance(scale, Scale)
    if np.all(scale.factor == 1) and (scale.offset is None or not scale.offset.any()):
        return graph.bypass(name)
    changed = _kept_above(graph, graph[name].inputs[0], scale)
    if changed is None:
        changed = _kept_below(graph, name, scale)
    if changed is None:
        return None
    origin = graph[name].origin
    graph = graph.bypass(name)
    for other, op in changed.items():  # the same op again for what lies between: its values change, its formats go
        graph = graph.replace(other, op, origin=() if op is graph[other].op else origin)
    return graph


def _kept_above(graph: Graph, name: str, scale: Scale) -> dict[str, Op] | None:
    """Return the ops that change when ``name``, with one reader, puts out what ``scale`` makes of it."""
    if only_user(graph, name) is None:
        return None
    node, shape = graph[name], graph.shapes[name]
    if isinstance(node.op, Scale):
        return {name: _merged(node.op, scale)}
    if isinstance(node.op, SCALABLE):
        each = _by_channel(scale, shape)
        return None if each is None else {name: scale_outputs(node.op, each.factor, each.offset)}
    shapes = [graph.shapes[source] for source in node.inputs]
    parts = _divided(node.op, scale, shape, shapes)
    if parts is None:
        return None
    changed: dict[str, Op] = {name: node.op}
    for source, part in zip(node.inputs, parts, strict=True):
        above = _kept_above(graph, source, part)
        if above is None:
            return None
        changed |= above
    return changed


def _divided(op: Op, scale: Scale, shape: Shape, shapes: Sequence[Shape]) -> list[Scale] | None:
    """Return one map for each input of ``op``, together the same as ``scale`` after it; None where there are none."""
    if isinstance(op, Add | Subtract):
        return [scale, *[Scale(scale.factor)] * (len(shapes) - 1)]
    if isinstance(op, Concat):
        each = _by_channel(scale, shape) if op.axis % len(shape) == len(shape) - 1 else None
        if each is None:
            return None
        ends = np.cumsum([channels for *_, channels in shapes])[:-1]
        offsets = [None] * len(shapes) if each.offset is None else np.split(each.offset, ends)
        return [Scale(factor, offset) for factor, offset in zip(np.split(each.factor, ends), offsets, strict=True)]
    moved = _moved(op, scale, shape, shapes[0], upward=True) if len(shapes) == 1 else None
    return None if moved is None else [moved]


def _kept_below(graph: Graph, name: str, scale: Scale) -> dict[str, Op] | None:
    """Return the ops that change when the map at ``name`` moves down into every op that reads it."""
    before = graph.shapes[name]
    changed: dict[str, Op] = {}
    if name in graph.outputs or not graph.users(name):
        return None
    for user in graph.users(name):
        if isinstance(user.op, Scale):
            changed[user.name] = _merged(scale, user.op)
        elif isinstance(user.op, SCALABLE):
            each = _by_channel(scale, before)
            held = None if each is None else scale_inputs(user.op, each.factor, each.offset, shape=before)
            if held is None:
                return None
            changed[user.name] = held
        else:
            moved = _moved(user.op, scale, before, graph.shapes[user.name], upward=False)
            below = None if moved is None else _kept_below(graph, user.name, moved)
            if below is None:
                return None
            changed |= {user.name: user.op, **below}
    return changed


def _moved(op: Op, scale: Scale, here: Shape, there: Shape, *, upward: bool) -> Scale | None:
    """Return the map that does on the other side of ``op`` what ``scale`` does on this one, None if there is none."""
    if isinstance(op, Identity | Dropout):
        return scale
    if isinstance(op, Flatten | Reshape):
        return _with_arrays(scale, lambda array: np.broadcast_to(array, here).reshape(there))
    if isinstance(op, Transpose):
        order = np.argsort(op.order) if upward else op.order
        return _with_arrays(scale, lambda array: np.broadcast_to(array, here).transpose(order))
    each = _by_channel(scale, here)
    return each if each is not None and commutes(op, each, there if upward else here) else None


def commutes(op: Op, scale: Scale, shape: Shape) -> bool:
    """Whether ``op`` on ``shape`` may trade places with a map that is constant over space."""
    match op:
        case GlobalAveragePool() | Upsample():
            return True
        case MaxPool() | GlobalMaxPool():
            return bool((scale.factor > 0).all())
        case AveragePool():
            ones = (1,) * len(op.kernel)
            pads = resolve_padding(op.padding, shape[:-1], op.kernel, op.strides or op.kernel, ones)
            reaches = all(max(pair) < k for pair, k in zip(pads, op.kernel, strict=True))
            shrinks = op.count_include_pad and any(map(any, pads))
            return scale.offset is None or (reaches and not shrinks)
        case Pad():
            offset = 0 if scale.offset is None else scale.offset
            return op.amounts[-1] == (0, 0) and bool((scale.factor * op.value + offset == op.value).all())
    return False


def _by_channel(scale: Scale, shape: Shape) -> Scale | None:
    factor, offset = per_channel(scale.factor, shape), per_channel(scale.offset, shape)
    return None if factor is None or (offset is None) != (scale.offset is None) else Scale(factor, offset)


def _merged(first: Scale, second: Scale) -> Scale:
    """Return the map that applies ``first``, then ``second``."""
    dtype = np.result_type(first.factor, second.factor)
    wide = second.factor.astype(np.float64)
    offsets = [] if first.offset is None else [wide * first.offset]
    offsets += [] if second.offset is None else [second.offset]
    return Scale((wide * first.factor).astype(dtype), np.asarray(sum(offsets), dtype) if offsets else None)


def _with_arrays(scale: Scale, change: Callable[[Array], Array]) -> Scale:
    return Scale(change(scale.factor), None if scale.offset is None else change(scale.offset))
