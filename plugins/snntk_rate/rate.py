"""The rate code: a value is the mean number of spikes per step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snntk_core import (
    ActivationOp,
    AnalogOp,
    AveragePool,
    BatchNorm,
    ClippedRelu,
    Concat,
    Context,
    Dropout,
    FakeQuantize,
    Flatten,
    GlobalMaxPool,
    Graph,
    Identity,
    Input,
    IntegrateFire,
    Issue,
    LinearOp,
    LocalResponseNormalization,
    MaxPool,
    Node,
    Op,
    Pad,
    Preserves,
    QuantizedRelu,
    Readout,
    Relu,
    Reshape,
    SpikeSource,
    SpikingMaxPool,
    Stage,
    Transform,
    Transpose,
    Upsample,
    WeightedOp,
    option,
)
from snntk_core.errors import Incompatible

RECTIFIED = Relu | ClippedRelu | QuantizedRelu
SHALLOW = 8  # neurons in a row, up to which every step counts


@dataclass(frozen=True)
class Rate(Transform):
    """``V <- V + I``, a spike where ``V >= threshold``: a neuron's mean output tends to ``min(max(I, 0), threshold)``.

    Every Relu, clipped or quantized, becomes an IntegrateFire neuron, every MaxPool a SpikingMaxPool, the input an
    analog current; sums and branches without an activation stay currents, so their negative values are kept.  Starting
    at half the threshold turns the rounding down of spike counts into rounding.  Source: Rueckauer 2017; Hwang 2021
    (initial potential).
    """

    name: ClassVar[str] = "rate"
    stage: ClassVar[Stage] = Stage.SPIKIFY
    preserves: ClassVar[Preserves] = Preserves.NOTHING

    threshold: float = option(1.0, "threshold of every neuron; normalized activations reach one")
    initial: float = option(0.5, "initial membrane potential, as a share of the threshold")
    reset: Literal["subtract", "zero"] = option("subtract", "what a spike does to the membrane potential")
    leak: float = option(0.0, "share of the membrane potential lost in each step")
    refractory: int = option(0, "steps after a spike in which a neuron does not integrate")
    max_pool: Literal["count", "gate"] = option("count", "rule of spiking max pooling, see SpikingMaxPool")
    warm_up: int | None = option(
        None, "first steps the readout leaves out, half of them at most; by default the depth of networks deeper than 8"
    )
    pooling_neurons: bool = option(False, "make average pooling a population of neurons, as snn_toolbox did")

    def __post_init__(self) -> None:
        if self.threshold <= 0 or not 0 <= self.leak < 1 or self.refractory < 0 or (self.warm_up or 0) < 0:
            raise ValueError("threshold lies above 0, leak in [0, 1), refractory and warm_up are not negative")
        if not 0 <= self.initial <= 1:
            raise ValueError(f"initial is a share of the threshold, from 0 to 1, got {self.initial}")

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the spiking network.  Raises `Incompatible` with everything that cannot be made spiking."""
        if graph.spiking:
            return graph
        issues = [issue for node in graph for issue in _issues(graph, node)]
        if issues:
            raise Incompatible("The rate code", issues)
        spiking = replace(graph, nodes=tuple(map(self._spiking_node, graph)))
        if self.pooling_neurons:
            for node in graph:
                if isinstance(node.op, AveragePool):
                    spiking = spiking.insert_after(node.name, spiking.free_name(f"{node.name}_spikes"), self.neuron())
        warm_up = depth_to_wait(spiking) if self.warm_up is None else self.warm_up
        for name in spiking.outputs:
            op = spiking[name].op
            if isinstance(op, Readout):
                spiking = spiking.replace(name, replace(op, warm_up=warm_up))
            else:
                spiking = spiking.insert_after(name, spiking.free_name(f"{name}_readout"), Readout(warm_up=warm_up))
        return replace(spiking, meta={**spiking.meta, "steps": str(context.steps), "code": self.name})

    def neuron(self, upper: float | np.ndarray = np.inf) -> IntegrateFire:
        """Return the neuron, its threshold no larger than an activation's ``upper`` bound."""
        threshold = np.minimum(np.float32(self.threshold), upper).astype(np.float32)
        return IntegrateFire(
            threshold, np.float32(self.initial) * threshold, None, self.reset, self.leak, self.refractory
        )

    def _spiking_node(self, node: Node) -> Node:
        op = self._spiking(node.op)
        kept = node.formats if op is node.op else {}  # spikes are counted, not rounded
        return replace(node, op=op, formats=kept)

    def _spiking(self, op: Op) -> Op:
        if isinstance(op, Input):
            return SpikeSource(op.shape, op.order)
        if isinstance(op, Relu):
            return self.neuron()
        if isinstance(op, ClippedRelu):
            return self.neuron(op.upper)
        if isinstance(op, QuantizedRelu):
            return self.neuron(op.step * op.levels)
        if isinstance(op, MaxPool):
            return SpikingMaxPool(op.kernel, op.strides, op.padding, op.ceil_mode, op.dilation, self.max_pool)
        return op


def depth_to_wait(graph: Graph) -> int:
    """Return the warm-up for a network: its depth in neurons where that is above 8, else 0.

    Deep layers answer late and overshoot at first; in shallow ones the first steps are as good as any, and starting at
    half the threshold makes them exact to half a spike, which a later start would spoil.
    """
    depth: dict[str, int] = {}
    for node in graph:
        above = max((depth[name] for name in node.inputs), default=0)
        depth[node.name] = above + isinstance(node.op, IntegrateFire)
    deepest = max(depth.values())
    return deepest if deepest > SHALLOW else 0


REMEDIES: dict[type[Op], str] = {
    BatchNorm: "Add the transform fold-batchnorm.",
    Dropout: "Add the transform drop-dropout.",
    FakeQuantize: "Add the transform drop-fake-quantize; spikes only round what a ReLU puts out.",
    GlobalMaxPool: "Add the transform split-global-pool.",
    LocalResponseNormalization: "Retrain without it, or with batch normalization, which becomes part of the weights.",
}


def _issues(graph: Graph, node: Node) -> Iterator[Issue]:
    op, title = node.op, type(node.op).__name__
    if type(op) in REMEDIES:
        yield Issue(node.name, f"{title} has no spiking form.", REMEDIES[type(op)])
    elif isinstance(op, ClippedRelu) and not (np.all(op.lower == 0) and np.all(op.upper > 0)):
        yield Issue(
            node.name,
            f"an activation clipped to [{op.lower.min():g}, {op.upper.max():g}] is no rate of unsigned spikes.",
            "Retrain with ReLU, or with bounds that begin at zero.",
        )
    elif isinstance(op, ActivationOp) and not isinstance(op, RECTIFIED):
        yield from _activation_issue(graph, node)
    elif isinstance(op, AnalogOp) and not isinstance(op, RECTIFIED | MaxPool):
        yield Issue(node.name, f"{title} has no spiking form in the rate code.", "Take it out of the model.")
    elif isinstance(op, MaxPool) and not (_spikes(graph, node.inputs[0]) or _steady(graph, node.inputs[0])):
        yield Issue(
            node.name,
            "it pools currents, and only spikes can be pooled one by one.",
            "Use activation-before-max-pool, max-pool-before-concat and rectify-pooled-sums, or put a ReLU before it.",
        )
    elif isinstance(op, WeightedOp) and (above := _weighted_above(graph, node)):
        yield Issue(
            node.name,
            f"it follows {above} with no activation between them, so no neuron would fire in between.",
            "Add the transform fuse-consecutive-linear.",
        )


def _activation_issue(graph: Graph, node: Node) -> Iterator[Issue]:
    title = type(node.op).__name__
    if node.name in graph.outputs and title in ("Softmax", "LogSoftmax", "Sigmoid", "Tanh"):
        yield Issue(node.name, f"a final {title} belongs to the readout.", "Add the transform softmax-to-readout.")
    else:
        yield Issue(
            node.name,
            f"{title} cannot be the rate of an integrate-and-fire neuron, which is zero or above and linear up to its "
            "threshold.",
            "Retrain with ReLU.",
        )


ROUTES = (Concat, Flatten, Identity, MaxPool, Pad, Reshape, Transpose, Upsample)


def _spikes(graph: Graph, name: str) -> bool:
    """Whether all that the node carries will be spikes."""
    node = graph[name]
    routed = isinstance(node.op, ROUTES) and all(_spikes(graph, above) for above in node.inputs)
    return routed or isinstance(node.op, RECTIFIED)


def _steady(graph: Graph, name: str) -> bool:
    """Whether the node depends on the input alone, without an activation, and so will be a constant current."""
    node = graph[name]
    routed = isinstance(node.op, LinearOp | MaxPool) and all(_steady(graph, above) for above in node.inputs)
    return routed or isinstance(node.op, Input)


def _weighted_above(graph: Graph, node: Node) -> str | None:
    """Return the first weighted op above ``node`` that is reached without crossing an activation."""
    pending = list(node.inputs)
    while pending:
        above = graph[pending.pop()]
        if isinstance(above.op, WeightedOp):
            return above.name
        if not isinstance(above.op, ActivationOp):
            pending += above.inputs
    return None
