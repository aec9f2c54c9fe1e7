"""Random spiking networks whose arithmetic is exact: any two simulators agree on them spike for spike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from snntk_core import (
    Add,
    Array,
    AveragePool,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Graph,
    IntegrateFire,
    Node,
    Op,
    Pad,
    PoissonSpikes,
    Readout,
    Reshape,
    Scale,
    SpikeSource,
    SpikingMaxPool,
    Subtract,
    Transpose,
    Upsample,
)
from snntk_core.errors import ShapeError
from snntk_core.shapes import Shape, size

PADDINGS = st.sampled_from(["valid", "same", "same-lower"])
LARGEST = 600  # units of one map: what takes long finds nothing more


class Growing:
    """A network under construction: ``last`` is the node that the next one reads."""

    def __init__(self, draw: st.DrawFn, shape: Shape) -> None:
        self.draw, self.last, self.spiking = draw, "input", []
        self.random = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.nodes, self.shapes = [Node("input", SpikeSource(shape))], {"input": shape}

    @property
    def shape(self) -> Shape:
        """The shape of the last node."""
        return self.shapes[self.last]

    def add(self, op: Op, *inputs: str) -> bool:
        """Add an op that fits; say whether it did."""
        inputs = inputs or (self.last,)
        try:
            shape = op.infer(*(self.shapes[name] for name in inputs))
        except ShapeError:
            return False
        if size(shape) > LARGEST or min(shape) < 1:
            return False
        name = f"{type(op).__name__.lower()}{len(self.nodes)}"
        self.nodes.append(Node(name, op, inputs))
        self.shapes[name], self.last = shape, name
        return True

    def weights(self, *shape: int, largest: int = 4, step: float = 0.25) -> Array:
        """Return multiples of ``step``, many of them zero where few spikes are wanted."""
        return (self.random.integers(-largest, largest + 1, shape) * step).astype(np.float32)

    def bias(self, units: int) -> Array | None:
        """Return a bias, or none."""
        return self.weights(units) if self.draw(st.booleans()) else None

    def neuron(self) -> None:
        """Add neurons of any kind."""
        draw, channels = self.draw, self.shape[-1]
        each = draw(st.booleans())
        threshold = self.random.integers(1, 12, channels if each else ()) / 4
        initial = self.random.integers(-2, 5, self.shape if draw(st.booleans()) else ()) / 4
        amplitude = self.random.integers(0, 6, channels if each else ()) / 4 if draw(st.booleans()) else None
        op = IntegrateFire(
            np.asarray(threshold, np.float32),
            np.asarray(initial, np.float32),
            None if amplitude is None else np.asarray(amplitude, np.float32),
            draw(st.sampled_from(["subtract", "zero"])),
            draw(st.sampled_from([0.0, 0.0, 0.5])),
            draw(st.sampled_from([0, 0, 1, 3])),
        )
        self.add(op)
        self.spiking.append(self.last)


def weighted(growing: Growing) -> Op:
    """Return a random op with synapses that fits the rank of the map."""
    draw, shape = growing.draw, growing.shape
    channels, out = shape[-1], draw(st.sampled_from([1, 2, 4, 6, 70]))
    if len(shape) == 1:
        return Dense(growing.weights(channels, out), growing.bias(out))
    k, strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), draw(st.sampled_from([(), (2, 1), (2, 2)]))
    dilation, padding = draw(st.sampled_from([(), (), (1, 2), (2, 2)])), draw(PADDINGS)
    if len(shape) == 2:
        kernel = growing.weights(k[0], channels, out)
        return Conv1D(kernel, growing.bias(out), strides[:1], padding, dilation[:1])
    kind = draw(st.sampled_from(["conv", "conv", "grouped", "depthwise", "transposed", "dense"]))
    if kind == "dense":
        return Dense(growing.weights(channels, out), growing.bias(out))
    if kind == "depthwise":
        return DepthwiseConv2D(growing.weights(*k, channels, 2), growing.bias(2 * channels), strides, padding, dilation)
    if kind == "transposed":
        return ConvTranspose2D(growing.weights(*k, channels, out), growing.bias(out), strides, padding)
    groups = 2 if kind == "grouped" and channels % 2 == 0 and out % 2 == 0 else 1
    kernel = growing.weights(*k, channels // groups, out)
    return Conv2D(kernel, growing.bias(out), strides, padding, dilation, groups)


def routed(growing: Growing) -> Op:
    """Return a random op that moves, averages or scales."""
    draw, shape = growing.draw, growing.shape
    rank = len(shape) - 1
    scale = Scale(growing.weights(shape[-1]), growing.weights(shape[-1]) if draw(st.booleans()) else None)
    choices: list[Op] = [Flatten(), scale, Reshape((shape[-1], size(shape) // shape[-1]))]
    if rank:
        choices += [
            AveragePool((2,) * rank, (), draw(PADDINGS)),
            AveragePool((2,) * rank, (1,) * rank, "same", count_include_pad=True),
            Upsample((2,) * rank),
            Pad((*((1, 1),) * rank, (0, 0))),
            Pad((*((-1, 0),) * rank, (1, 0)), 0.5),
            Transpose((*range(rank), rank)),
            Transpose((rank, *range(rank))),
        ]
    if rank and size(shape[:-1]) in (1, 2, 4, 8, 16):
        choices.append(GlobalAveragePool())
    return draw(st.sampled_from(choices))


@st.composite
def spiking_networks(draw: st.DrawFn) -> Graph:
    """Draw a spiking network of one to three blocks on a vector, a series or an image."""
    growing = Growing(draw, draw(st.sampled_from([(5,), (6, 2), (5, 4, 2), (4, 4, 3), (1, 6, 2)])))
    for _ in range(draw(st.integers(1, 3))):
        block(growing)
    if draw(st.booleans()):
        growing.add(Flatten())
    growing.add(weighted(growing))
    growing.add(Readout(warm_up=draw(st.sampled_from([0, 2]))))
    return Graph(tuple(growing.nodes))


def block(growing: Growing) -> None:
    """Add linear ops and neurons, perhaps a pool of spikes, a shortcut, or a branch that is joined again."""
    draw, begin = growing.draw, growing.last
    for _ in range(draw(st.integers(0, 2))):
        growing.add(routed(growing))
    if draw(st.booleans()):
        growing.add(weighted(growing))
        for _ in range(draw(st.integers(0, 2))):
            growing.add(routed(growing))
    if draw(st.booleans()) and growing.spiking:
        other, joining = draw(st.sampled_from(growing.spiking)), draw(st.sampled_from([Add(), Subtract(), Concat()]))
        growing.add(joining, *draw(st.permutations([growing.last, other])))
    if growing.last != begin or not growing.spiking:
        growing.neuron()
    if len(growing.shape) > 1 and draw(st.booleans()):
        rank = len(growing.shape) - 1
        rule, strides = draw(st.sampled_from(["count", "gate"])), draw(st.sampled_from([(), (1,) * rank]))
        if draw(st.booleans()):
            growing.add(routed(growing))
        growing.add(SpikingMaxPool((2,) * rank, strides, draw(PADDINGS), rule=rule))
        growing.spiking.append(growing.last)


@st.composite
def encoded_networks(draw: st.DrawFn) -> Graph:
    """Draw a spiking network whose input are random spikes, of its positive values or of both signs."""
    graph, seed = draw(spiking_networks()), draw(st.integers(0, 3))
    rng = np.random.default_rng(seed)
    channels = rng.integers(2, 9, graph.input_shape[-1]) / 4
    amplitude = np.asarray(draw(st.sampled_from([1.0, 2.5, channels])), np.float32)
    if not draw(st.booleans()):
        return graph.insert_after("input", "random", PoissonSpikes(amplitude, seed)).verify()
    graph = graph.insert_after("input", "difference", Subtract())
    signed = (
        Node("random", PoissonSpikes(amplitude, seed), ("input",)),
        Node("negative", Scale(np.float32(-1)), ("input",)),
        Node("other", PoissonSpikes(amplitude, seed), ("negative",)),
        Node("difference", Subtract(), ("random", "other")),
    )
    source, _, *rest = graph.nodes
    return replace(graph, nodes=(source, *signed, *rest)).verify()
