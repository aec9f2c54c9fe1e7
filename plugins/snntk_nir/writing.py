"""From a spiking graph to NIR: channels first, one neuron node for each layer, factors folded into weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from snntk_core import Graph
from snntk_core.node import Node
from snntk_core.ops import (
    Add,
    Array,
    AveragePool,
    Conv1D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Identity,
    IntegrateFire,
    Op,
    Readout,
    Scale,
    SpikeSource,
    Subtract,
)
from snntk_core.shapes import Pairs, Shape, resolve_padding, size
from snntk_nir.kernels import square, symmetric, ungrouped
from snntk_nir.placing import Value, Writing

Builder = Callable[[Writing, Graph, Node, list[Value]], Value]


def _source(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    value = Value((), graph.shapes[node.name])
    shape = np.array(value.first)
    return replace(value, nodes=(writing.add(node.name, writing.nir.Input(input_type={"input": shape}), ()),))


def _floats(array: Array) -> Array:
    return np.ascontiguousarray(array, np.float32)


def _dense(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    (value,), op = inputs, node.op
    assert isinstance(op, Dense)
    rank = len(value.shape)
    if rank > 1:
        kernel = op.weight.reshape(*(1,) * (rank - 1), *op.weight.shape)
        pads = ((0, 0),) * (rank - 1)
        return _convolved(writing, graph, node, value, kernel, op.bias, (1,) * (rank - 1), pads, (1,) * (rank - 1), 1)
    weight = op.weight * np.broadcast_to(value.gain, value.shape).reshape(-1, 1).astype(op.weight.dtype)
    weight = _floats((weight if value.order is None else weight[value.order]).T)
    bias = np.zeros(len(weight)) if op.bias is None else op.bias  # sinabs reads no Linear
    made = writing.nir.Affine(weight=weight, bias=_floats(bias))
    return Value((writing.add(node.name, made, value.nodes),), graph.shapes[node.name])


def _convolution(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    (value,), op = inputs, node.op
    assert isinstance(op, Conv1D | Conv2D | DepthwiseConv2D)
    rank = 1 if isinstance(op, Conv1D) else 2
    strides, dilation = op.strides or (1,) * rank, op.dilation or (1,) * rank
    weight, groups = op.weight, 1
    if isinstance(op, DepthwiseConv2D):
        groups = weight.shape[2]
        weight = weight.reshape(*weight.shape[:2], 1, -1)
    else:
        groups = op.groups
    pads = resolve_padding(op.padding, value.shape[:-1], weight.shape[:rank], strides, dilation)
    return _convolved(writing, graph, node, value, weight, op.bias, strides, pads, dilation, groups)


def _convolved(
    writing: Writing, graph: Graph, node: Node, value: Value, kernel: Array, bias: Array | None,
    strides: Shape, pads: Pairs, dilation: Shape, groups: int,
) -> Value:  # fmt: skip
    rank = len(strides)
    if not value.by_channel:
        value = writing.plain(node.name, value)
    kernel = ungrouped(kernel, groups) * value.gain.reshape(-1, 1).astype(kernel.dtype)
    kernel, amounts = symmetric(kernel, pads)
    kernel, amounts = square(kernel, amounts)
    fields: Mapping[str, Any] = {
        "weight": _floats(kernel.transpose(rank + 1, rank, *range(rank))),
        "bias": _floats(np.zeros(kernel.shape[-1]) if bias is None else bias),
        "groups": 1,
    }
    if rank == 1:
        made = writing.nir.Conv1d(
            input_shape=value.shape[0], stride=strides[0], padding=amounts[0], dilation=dilation[0], **fields
        )
    else:
        made = writing.nir.Conv2d(
            input_shape=value.shape[:2], stride=strides, padding=amounts, dilation=dilation, **fields
        )
    return Value((writing.add(node.name, made, value.nodes),), graph.shapes[node.name])


def _pool(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    (value,), op = inputs, node.op
    assert isinstance(op, AveragePool)
    strides = op.strides or op.kernel
    pads = resolve_padding(op.padding, value.shape[:-1], op.kernel, strides, (1, 1))
    return _summed(writing, graph, node, value, op.kernel, strides, tuple(before for before, _ in pads))


def _summed(
    writing: Writing, graph: Graph, node: Node, value: Value, kernel: Shape, strides: Shape, pads: Shape
) -> Value:
    value = value if value.by_channel else writing.plain(node.name, value)
    made = writing.nir.SumPool2d(kernel_size=np.array(kernel), stride=np.array(strides), padding=np.array(pads))
    lengths = ((n + 2 * p - k) // s + 1 for n, p, k, s in zip(value.shape[:-1], pads, kernel, strides, strict=True))
    shape = (*lengths, value.shape[-1])
    return Value((writing.add(node.name, made, value.nodes),), shape, value.gain / prod(kernel))


def _global_pool(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    op, kernel = node.op, inputs[0].shape[:-1]
    assert isinstance(op, GlobalAveragePool)
    value = _summed(writing, graph, node, inputs[0], kernel, kernel, (0, 0))
    return value if op.keep_axes else _flattened(writing, f"{node.name}_flat", value)


def _flatten(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    return _flattened(writing, node.name, inputs[0])


def _flattened(writing: Writing, stem: str, value: Value) -> Value:
    if len(value.shape) == 1:
        return value
    count = size(value.shape)
    made = writing.nir.Flatten(input_type={"input": np.array(value.first)}, start_dim=0, end_dim=-1)
    order = value.arranged(np.arange(count).reshape(value.shape)).reshape(-1)
    gain = value.gain if value.gain.size == 1 else np.broadcast_to(value.gain, value.shape).reshape(-1)
    same = np.array_equal(order, np.arange(count))
    return Value((writing.add(stem, made, value.nodes),), (count,), gain, None if same else order)


def _scale(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    (value,), op = inputs, node.op
    assert isinstance(op, Scale)
    return replace(value, gain=value.gain * op.factor)


def _sum(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    """In NIR whatever several edges bring is added up."""
    values = list(inputs)
    if isinstance(node.op, Subtract):
        values[1] = replace(values[1], gain=-values[1].gain)
    if len({value.order is None for value in values}) > 1:
        values = [writing.in_our_order(node.name, value) for value in values]
    if any(value.gain.shape != values[0].gain.shape or np.any(value.gain != values[0].gain) for value in values):
        values = [writing.plain(node.name, value) for value in values]
    seen: tuple[str, ...] = ()
    for index, value in enumerate(values):
        if set(value.nodes) & set(seen):  # an edge counts once
            values[index] = writing.copied(node.name, value)
        seen += values[index].nodes
    return replace(values[0], nodes=seen)


def _neuron(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    (value,), op = inputs, node.op
    assert isinstance(op, IntegrateFire)
    if np.any(value.gain <= 0):
        value = writing.plain(node.name, value)
    threshold = _floats(value.arranged(op.threshold / value.gain))
    metadata: dict[str, Any] = {"reset": op.reset, "fires": "at", "initial_potential": 0.0}
    if np.any(op.initial_potential):
        metadata["initial_potential"] = _floats(value.arranged(op.initial_potential / value.gain))
    ones, zeros = np.ones_like(threshold), np.zeros_like(threshold)
    if op.leak:
        metadata["leak"] = op.leak
        tau = ones.astype(np.float64) * (writing.dt / op.leak)
        made = writing.nir.LIF(
            tau=tau, r=tau / writing.dt, v_leak=zeros, v_threshold=threshold, v_reset=zeros, metadata=metadata
        )
    else:
        resistance = ones if writing.dt == 1 else ones.astype(np.float64) / writing.dt
        made = writing.nir.IF(r=resistance, v_threshold=threshold, v_reset=zeros, metadata=metadata)
    return Value((writing.add(node.name, made, value.nodes),), value.shape, op.spike, value.order)


def _readout(writing: Writing, graph: Graph, node: Node, inputs: list[Value]) -> Value:
    value = writing.in_our_order(node.name, writing.plain(node.name, inputs[0]))
    made = writing.nir.Output(output_type={"output": np.array(value.first)})
    return Value((writing.add(node.name, made, value.nodes),), value.shape)


BUILDERS: Mapping[type[Op], Builder] = {
    SpikeSource: _source,
    Dense: _dense,
    Conv1D: _convolution,
    Conv2D: _convolution,
    DepthwiseConv2D: _convolution,
    AveragePool: _pool,
    GlobalAveragePool: _global_pool,
    Flatten: _flatten,
    Scale: _scale,
    Add: _sum,
    Subtract: _sum,
    Identity: lambda writing, graph, node, inputs: inputs[0],
    IntegrateFire: _neuron,
    Readout: _readout,
}
"""What can be written."""


def as_nir(graph: Graph, dt: float = 1.0, steps: int | None = None) -> Any:
    """Return a spiking graph as a ``nir.NIRGraph``; ``steps``: how long it is meant to run."""
    import nir

    writing = Writing(nir, dt)
    for node in graph:
        inputs = [writing.values[name] for name in node.inputs]
        writing.values[node.name] = BUILDERS[type(node.op)](writing, graph, node, inputs)
    readout = graph[graph.outputs[0]].op
    assert isinstance(readout, Readout)
    metadata = {"written_by": "snntk", "dt": dt, "link": readout.link, "warm_up": readout.warm_up}
    metadata |= {"input_order": input_order(graph)}
    metadata |= {} if steps is None else {"steps": steps}
    return nir.NIRGraph(nodes=writing.nodes, edges=writing.edges, metadata=metadata)


def input_order(graph: Graph) -> Array:
    """Return where NIR's input axes lie in the model's own layout: NIR's axis ``i`` is the model's ``order[i]``."""
    op = graph.source.op
    assert isinstance(op, SpikeSource)
    own = op.order or tuple(range(len(op.shape)))
    return np.array((*own[-1:], *own[:-1]))
