"""Small spiking networks whose arithmetic is exact: weights and samples are multiples of powers of two.

One for each op, one for each kind of neuron, and a few deeper ones.  On them any two simulators agree spike for spike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import (
    Add,
    Array,
    AveragePool,
    BatchNorm,
    BinarySigmoid,
    BinaryTanh,
    ClippedRelu,
    Concat,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Elu,
    FakeQuantize,
    Flatten,
    Gelu,
    GlobalAveragePool,
    GlobalMaxPool,
    HardSigmoid,
    HardSwish,
    Identity,
    Input,
    IntegrateFire,
    LeakyRelu,
    LocalResponseNormalization,
    LogSoftmax,
    MaxPool,
    Multiply,
    NeuronOp,
    Op,
    Pad,
    PoissonSpikes,
    PRelu,
    QuantizedRelu,
    Readout,
    Relu,
    Reshape,
    Scale,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    SpikeSource,
    SpikingMaxPool,
    Subtract,
    Swish,
    Tanh,
    ThresholdRelu,
    Transpose,
    Upsample,
)
from snntk_core.shapes import Shape

IMAGE: Shape = (4, 4, 2)


def exact(*shape: int, seed: int = 0) -> Array:
    """Return multiples of a quarter between -1 and 1."""
    return (np.random.default_rng(seed).integers(-4, 5, shape) / 4).astype(np.float32)


def exact_batch(graph: Graph, samples: int = 5, seed: int = 0) -> Array:
    """Return samples that are multiples of an eighth between -0.5 and 1.5, in the graph's own layout."""
    rng = np.random.default_rng(seed)
    return (rng.integers(-4, 13, (samples, *graph.input_shape)) / 8).astype(np.float32)


def _value(number: float | list[float]) -> Array:
    return np.asarray(number, np.float32)


def around(op: Op, shape: Shape = IMAGE) -> Graph:
    """Return the smallest network that holds ``op`` as the node ``op`` between neurons; it reads ``shape``."""
    if isinstance(op, Input | SpikeSource | PoissonSpikes):
        first = [Node("input", SpikeSource(shape))] if op.arity else []
        behind = [Node("before", IntegrateFire(), ("op",)), Node("readout", Readout(), ("before",))]
        return Graph((*first, Node("op", op, tuple(node.name for node in first)), *behind))
    arity = op.arity or 2
    nodes = [
        Node("input", SpikeSource(shape)),
        *(Node(f"before{i}", IntegrateFire(_value(1), _value(0.25 * i)), ("input",)) for i in range(arity)),
        Node("op", op, tuple(f"before{i}" for i in range(arity))),
    ]
    if not isinstance(op, NeuronOp):
        nodes.append(Node("after", IntegrateFire(), ("op",)))
    if not isinstance(op, Readout):
        nodes.append(Node("readout", Readout(), (nodes[-1].name,)))
    return Graph(tuple(nodes))


def op_examples() -> Mapping[type[Op], Graph]:
    """Return a network for each op of the vocabulary; those around an op of analog networks are there to be refused."""
    graphs = [around(Dense(exact(2, 3), exact(3, seed=1))), around(Conv1D(exact(3, 2, 3), exact(3)), (6, 2))]
    images: tuple[Op, ...] = (
        Conv2D(exact(3, 3, 2, 3), exact(3), padding="same"),
        DepthwiseConv2D(exact(3, 3, 2, 2), exact(4)),
        ConvTranspose2D(exact(3, 3, 2, 3), exact(3), (2, 2)),
        AveragePool((2, 2)),
        GlobalAveragePool(),
        Upsample((2, 2)),
        Pad(((1, 1), (0, 2), (0, 0))),
        Flatten(),
        Reshape((2, 16)),
        Transpose((2, 0, 1)),
        Scale(_value(0.5), exact(2)),
        Add(),
        Subtract(),
        Concat(),
        Identity(),
        Input(IMAGE),
        SpikeSource(IMAGE),
        PoissonSpikes(_value(1.25), 7),
        IntegrateFire(_value(0.75)),
        SpikingMaxPool((2, 2)),
        Readout(),
    )
    graphs += [around(op) for op in (*images, *_analog_ops())]
    return {type(graph["op"].op): graph for graph in graphs}


def _analog_ops() -> tuple[Op, ...]:
    ones = np.ones(2, np.float32)
    plain = (
        Relu, LeakyRelu, Elu, Selu, Sigmoid, HardSigmoid, Tanh, Softplus, Softsign, Swish, HardSwish, Gelu, Softmax,
        LogSoftmax, LocalResponseNormalization, ThresholdRelu, QuantizedRelu, FakeQuantize,
        BinarySigmoid, BinaryTanh,
    )  # fmt: skip
    made = (
        Multiply(),
        BatchNorm(0 * ones, ones),
        ClippedRelu(),
        PRelu(ones / 4),
        MaxPool((2, 2)),
        GlobalMaxPool(),
        Dropout(),
    )
    return (*made, Multiply(), *(op() for op in plain))


def neuron_examples() -> Mapping[str, Graph]:
    """Return a network for each kind of neuron and of spiking pool."""
    dense = Node("dense", Dense(exact(4, 6, seed=2), exact(6, seed=3)), ("input",))
    neurons = {
        "reset by subtraction": IntegrateFire(),
        "reset to zero": IntegrateFire(reset="zero"),
        "leak": IntegrateFire(leak=0.5),
        "refractory": IntegrateFire(refractory=2),
        "refractory, reset to zero, with leak": IntegrateFire(reset="zero", refractory=1, leak=0.5),
        "threshold of each channel": IntegrateFire(_value([0.25, 0.5, 1, 0.75, 2, 1.5])),
        "initial potential": IntegrateFire(initial_potential=_value(0.5)),
        "amplitude": IntegrateFire(amplitude=_value(0.5)),
    }
    graphs = {title: _behind(dense, op) for title, op in neurons.items()}
    pools = {
        "pool by count": SpikingMaxPool((2, 2)),
        "pool by gate": SpikingMaxPool((2, 2), rule="gate"),
        "overlapping pool": SpikingMaxPool((3, 3), (1, 1), "same"),
        "overlapping gate": SpikingMaxPool((3, 3), (2, 2), "same", rule="gate"),
    }
    return graphs | {title: around_pool(op) for title, op in pools.items()}


def around_pool(op: SpikingMaxPool) -> Graph:
    """Return the smallest network whose neurons a pool reads: without the synapses they would encode the input."""
    return around(op).insert_after("input", "current", Dense(np.eye(IMAGE[-1], dtype=np.float32)))


def _behind(layer: Node, neuron: IntegrateFire) -> Graph:
    nodes = (
        Node("input", SpikeSource((4,))),
        layer,
        Node("neuron", neuron, (layer.name,)),
        Node("dense2", Dense(exact(6, 3, seed=4)), ("neuron",)),
        Node("readout", Readout(), ("dense2",)),
    )
    return Graph(nodes)


def perceptron() -> Graph:
    """Return two layers of neurons between Dense layers: every simulator takes it."""
    nodes = (
        Node("input", SpikeSource((4,))),
        Node("dense1", Dense(exact(4, 8, seed=5), exact(8, seed=6)), ("input",)),
        Node("neuron1", IntegrateFire(), ("dense1",)),
        Node("dense2", Dense(exact(8, 6, seed=7), exact(6, seed=8)), ("neuron1",)),
        Node("neuron2", IntegrateFire(), ("dense2",)),
        Node("dense3", Dense(exact(6, 3, seed=9), exact(3)), ("neuron2",)),
        Node("readout", Readout(), ("dense3",)),
    )
    return Graph(nodes)


def identity_network(units: int) -> Graph:
    """Return one layer of neurons driven by the input itself: threshold one, no initial potential, subtraction."""
    one = np.eye(units, dtype=np.float32)
    nodes = (
        Node("input", SpikeSource((units,))),
        Node("dense", Dense(one), ("input",)),
        Node("neuron", IntegrateFire(), ("dense",)),
        Node("copy", Dense(one), ("neuron",)),
        Node("readout", Readout(), ("copy",)),
    )
    return Graph(nodes)


def networks() -> Mapping[str, Graph]:
    """Return a perceptron, a convolutional network with pooling, and one with an Add and a Concat."""
    convolutional = (
        Node("input", SpikeSource((2, 6, 6), (1, 2, 0))),
        Node("conv1", Conv2D(exact(3, 3, 2, 4, seed=1), exact(4, seed=2), padding="same"), ("input",)),
        Node("neuron1", IntegrateFire(_value(1), _value(0.5)), ("conv1",)),
        Node("pool1", SpikingMaxPool((2, 2)), ("neuron1",)),
        Node("conv2", Conv2D(exact(2, 2, 4, 4, seed=3), None, (1, 1), "valid"), ("pool1",)),
        Node("neuron2", IntegrateFire(_value([0.5, 1, 1, 2])), ("conv2",)),
        Node("pool2", AveragePool((2, 2)), ("neuron2",)),
        Node("flat", Flatten(), ("pool2",)),
        Node("dense", Dense(exact(4, 3, seed=4), exact(3, seed=5)), ("flat",)),
        Node("readout", Readout("softmax"), ("dense",)),
    )
    residual = (
        Node("input", SpikeSource(IMAGE)),
        Node("conv1", Conv2D(exact(3, 3, 2, 2, seed=1), exact(2), padding="same"), ("input",)),
        Node("neuron1", IntegrateFire(), ("conv1",)),
        Node("conv2", Conv2D(exact(3, 3, 2, 2, seed=3), None, padding="same"), ("neuron1",)),
        Node("sum", Add(), ("conv2", "neuron1")),
        Node("neuron2", IntegrateFire(_value(2)), ("sum",)),
        Node("both", Concat(), ("neuron2", "neuron1")),
        Node("dense", Dense(exact(4, 3, seed=4)), ("both",)),
        Node("readout", Readout(), ("dense",)),
    )
    return {"perceptron": perceptron(), "convolutional": Graph(convolutional), "residual": Graph(residual)}
