"""What each op does with the views of its inputs: carry them, absorb them, or ask for the plain value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import singledispatch
from typing import Any

from snntk_core.layout.views import (
    AxesView,
    FlatView,
    Piece,
    Rewrite,
    Value,
    View,
    flat_view,
    keeps_elements,
    plain_view,
    reordered,
)
from snntk_core.node import Node
from snntk_core.number_format import NumberFormat
from snntk_core.ops import (
    ActivationOp,
    Add,
    Array,
    BatchNorm,
    Concat,
    Dense,
    Dropout,
    Flatten,
    Identity,
    Input,
    IntegrateFire,
    LocalResponseNormalization,
    LogSoftmax,
    Multiply,
    Op,
    Pad,
    Reshape,
    Scale,
    Softmax,
    SpikeSource,
    Subtract,
    Transpose,
)
from snntk_core.shapes import Shape


@singledispatch
def place(op: Op, node: Node, rewrite: Rewrite) -> Value:
    """Add ``node`` to the rewrite and return the value behind its old name.

    Most ops care about the layout: they read plain values and give one.
    """
    return _plainly(node, rewrite)


def _plainly(node: Node, rewrite: Rewrite) -> Value:
    inputs = [rewrite.plain(name) for name in node.inputs]
    return rewrite.keep(node, inputs, plain_view(len(rewrite.shape(node.name))))


@place.register(Input)
@place.register(SpikeSource)
def _(op: Input | SpikeSource, node: Node, rewrite: Rewrite) -> Value:
    if not rewrite.order:
        return _plainly(node, rewrite)
    own = op.order or tuple(range(len(op.shape)))
    turned = replace(op, order=tuple(own[axis] for axis in rewrite.order))
    return rewrite.keep(node, (), AxesView(AxesView(rewrite.order).inverse), turned)


@place.register(ActivationOp)
@place.register(Dropout)
@place.register(Identity)
@place.register(IntegrateFire)
@place.register(Scale)
def _(op: Op, node: Node, rewrite: Rewrite) -> Value:
    value = rewrite.values[node.inputs[0]]
    moved = {name: reordered(array, value.view) for name, array in op.arrays.items()}
    return rewrite.keep(node, [value.name], value.view, replace(op, **moved) if moved else op)


@place.register(Softmax)
@place.register(LogSoftmax)
def _(op: Softmax | LogSoftmax, node: Node, rewrite: Rewrite) -> Value:
    value = rewrite.values[node.inputs[0]]
    if isinstance(value.view, FlatView) or value.view.plain:
        return rewrite.keep(node, [value.name], value.view)
    axis = value.view.order[op.axis]
    return rewrite.keep(node, [value.name], value.view, replace(op, axis=_axis(axis, value.view)))


@place.register
def _(op: BatchNorm, node: Node, rewrite: Rewrite) -> Value:
    value = rewrite.values[node.inputs[0]]
    if isinstance(value.view, FlatView):
        moved: dict[str, Any] = {name: reordered(array, value.view) for name, array in op.arrays.items()}
        return rewrite.keep(node, [value.name], value.view, replace(op, **moved))
    return _on_last_axis(node, rewrite)


@place.register
def _(op: LocalResponseNormalization, node: Node, rewrite: Rewrite) -> Value:
    return _on_last_axis(node, rewrite)


@place.register
def _(op: Dense, node: Node, rewrite: Rewrite) -> Value:
    value = rewrite.values[node.inputs[0]]
    if isinstance(value.view, FlatView):
        node = replace(node, formats={role: _reordered_steps(role, f, value.view) for role, f in node.formats.items()})
        return rewrite.keep(node, [value.name], plain_view(1), replace(op, weight=reordered_rows(op, value.view)))
    return _on_last_axis(node, rewrite)


def reordered_rows(op: Dense, view: FlatView) -> Array:
    """Return the weight whose rows are in the new order: ``new_weight[index] = weight``."""
    weight = op.weight.copy()
    weight[view.index] = op.weight
    return weight


def _reordered_steps(role: str, number_format: NumberFormat, view: FlatView) -> NumberFormat:
    """Return the format of the reordered weight: steps that vary over its rows move with them."""
    if role != "weight" or number_format.axis not in (0, -2):
        return number_format
    scale = number_format.scale.copy()
    scale[view.index] = number_format.scale
    return replace(number_format, scale=scale)


def _on_last_axis(node: Node, rewrite: Rewrite) -> Value:
    """An op on the last axis only minds that this axis stays last."""
    value = rewrite.values[node.inputs[0]]
    if isinstance(value.view, AxesView) and value.view.order[-1] == len(value.view.order) - 1:
        return rewrite.keep(node, [value.name], value.view)
    return _plainly(node, rewrite)


@place.register(Add)
@place.register(Multiply)
@place.register(Subtract)
def _(op: Op, node: Node, rewrite: Rewrite) -> Value:
    values = [rewrite.values[name] for name in node.inputs]
    if any(value.view != values[0].view for value in values):
        return _plainly(node, rewrite)
    return rewrite.keep(node, [value.name for value in values], values[0].view)


@place.register
def _(op: Concat, node: Node, rewrite: Rewrite) -> Value:
    values = [rewrite.values[name] for name in node.inputs]
    names, view = [value.name for value in values], values[0].view
    if isinstance(view, AxesView) and all(value.view == view for value in values):
        axis = _axis(view.order[op.axis], view)
        return rewrite.keep(node, names, view, op if view.plain else replace(op, axis=axis))
    if len(rewrite.shape(node.name)) == 1:
        pieces = [piece for name in node.inputs for piece in _pieces(rewrite, name)]
        return rewrite.keep(node, names, flat_view(pieces))
    return _plainly(node, rewrite)


@place.register
def _(op: Pad, node: Node, rewrite: Rewrite) -> Value:
    value = rewrite.values[node.inputs[0]]
    if isinstance(value.view, FlatView):
        return _plainly(node, rewrite)
    amounts = tuple(op.amounts[axis] for axis in value.view.inverse)
    return rewrite.keep(node, [value.name], value.view, replace(op, amounts=amounts))


@place.register
def _(op: Transpose, node: Node, rewrite: Rewrite) -> Value:
    value = rewrite.values[node.inputs[0]]
    if isinstance(value.view, FlatView):
        return value
    return Value(value.name, AxesView(tuple(value.view.order[axis] for axis in op.order)))


@place.register(Flatten)
@place.register(Reshape)
def _(op: Op, node: Node, rewrite: Rewrite) -> Value:
    (name,), shape = node.inputs, rewrite.shape(node.name)
    value = rewrite.values[name]
    pieces = _pieces(rewrite, name)
    if len(shape) == 1:
        return rewrite.keep(node, [value.name], flat_view(pieces), Flatten())
    if len(pieces) == 1:
        for order in _orders(node, rewrite, value.view, len(shape)):
            moved = tuple(shape[axis] for axis in order)
            if sorted(order) != list(range(len(shape))) or not _same_run(pieces[0], shape, order):
                continue
            view = AxesView(AxesView(order).inverse)
            if isinstance(value.view, AxesView) and moved == pieces[0][0]:
                return Value(value.name, view)
            return rewrite.keep(node, [value.name], view, Reshape(moved))
    return rewrite.keep(node, [rewrite.plain(name)], plain_view(len(shape)))


def _orders(node: Node, rewrite: Rewrite, view: View, rank: int) -> Iterator[Shape]:
    """The layouts a reshaped value may be kept in, best first: what a user transposes it to, or the old one turned."""
    for user in rewrite.graph.users(node.name):
        if isinstance(user.op, Transpose):
            yield user.op.order
    if not view.plain:
        yield (*range(1, rank), 0)
    yield tuple(range(rank))


def _same_run(piece: Piece, shape: Shape, order: Shape) -> bool:
    """Whether the new elements of ``piece``, row by row, are the old value as ``shape`` in the layout ``order``.

    Where the axes longer than one are the same before and after, they must come in the same sequence; where they are
    not, nothing may have moved on either side.
    """
    stored, turned = piece
    before = [axis for axis in turned if stored[axis] != 1]
    after = [axis for axis in range(len(shape)) if shape[axis] != 1]
    if [stored[axis] for axis in before] != [shape[axis] for axis in after]:
        return keeps_elements(stored, turned) and keeps_elements(shape, order)
    partner = dict(zip(after, before, strict=True))
    sequence = [partner[axis] for axis in order if axis in partner]
    return sequence == sorted(sequence)


def _pieces(rewrite: Rewrite, name: str) -> tuple[Piece, ...]:
    """The old value, flattened, as pieces of the new one."""
    view, shape = rewrite.values[name].view, rewrite.shape(name)
    if isinstance(view, FlatView):
        return view.pieces
    return ((tuple(shape[axis] for axis in view.inverse), view.order),)


def _axis(axis: int, view: AxesView) -> int:
    return -1 if axis == len(view.order) - 1 else axis
