"""The networks and their inputs, made from seeds alone.

``lenet``: 28 x 28, three convolutions and two Dense layers.  ``vgg``: 32 x 32, four convolutions with batch
normalization, folded, and two Dense layers.  ``vgg11``: the eight convolutions of VGG-11 on 32 x 32, likewise.
``mlp``: 784-1200-1200-10.  ``demo``: the network that comes with snntk.  Or any model that snntk reads, with samples
from a file, which decide how much it fires.  They are converted with the preset `rate`; then every potential begins at
zero, so that peers need no tricks to do the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import snntk
from engines.rates import at_rate
from snntk_core import (
    Array,
    AveragePool,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    Input,
    IntegrateFire,
    Node,
    Op,
    Relu,
    WeightedOp,
)

BUILT = ("lenet", "vgg", "vgg11", "mlp")
WEIGHTS = ("8-bit", "float32")
CALIBRATION = 64
POOL = 0  # in a list of widths
RAMP = 1 / 256  # inputs are multiples of it


@dataclass(frozen=True, eq=False)
class Case:
    """A spiking network and samples for it."""

    name: str
    weights: str
    graph: Graph
    inputs: Array


def case(
    source: str, weights: str, samples: int, given: Array | None = None, rate: float | None = None, steps: int = 32
) -> Case:
    """Return one of the built networks, or the model in a file, with ``samples`` inputs: the first given, or made.

    ``rate``: spikes of a neuron and step, over ``steps``, that weights are scaled to reach; None leaves them alone.
    """
    rng = np.random.default_rng(7)
    if source in BUILT:
        analog, name = {"lenet": lenet, "vgg": vgg, "vgg11": vgg11, "mlp": mlp}[source](rng), source
    else:
        analog, name = _read(source), Path(source).stem
    inputs = images(rng, max(samples, CALIBRATION), analog.input_shape) if given is None else given
    spiking = analog if analog.spiking else snntk.convert(analog, calibration=inputs[:CALIBRATION])
    graph, rounded = from_rest(spiking), on_grid if weights == "8-bit" else _as_it_is
    if rate is not None:
        graph = at_rate(graph, inputs, rate, steps, rounded)
    return Case(name, weights, rounded(graph), inputs[:samples])


def _as_it_is(graph: Graph) -> Graph:
    return graph


def _read(path: str) -> Graph:
    if path == "demo":
        path = str(Path(snntk.__file__).parent / "demo" / "digits.onnx")
    return snntk.open(path) if path.endswith(".snntk") else snntk.parse(path)


def _weight(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32)


def _bias(rng: np.random.Generator, units: int) -> Array:
    return rng.normal(0, 0.05, units).astype(np.float32)


def _chain(shape: tuple[int, ...], ops: list[Op]) -> Graph:
    nodes = [Node("input", Input(shape))]
    for number, op in enumerate(ops, 1):
        nodes.append(Node(f"{type(op).__name__.lower()}{number}", op, (nodes[-1].name,)))
    return Graph(tuple(nodes)).verify()


def _conv(rng: np.random.Generator, kernel: int, before: int, after: int, padding: int = 0) -> Conv2D:
    weight = _weight(rng, kernel, kernel, before, after)
    return Conv2D(weight, _bias(rng, after), padding=((padding, padding), (padding, padding)))


def _dense(rng: np.random.Generator, before: int, after: int) -> Dense:
    return Dense(_weight(rng, before, after), _bias(rng, after))


def _normalized(rng: np.random.Generator, units: int) -> BatchNorm:
    mean, variance = rng.normal(0, 0.2, units), rng.uniform(0.5, 1.5, units)
    scale, offset = rng.uniform(0.7, 1.3, units), rng.normal(0, 0.2, units)
    return BatchNorm(*(array.astype(np.float32) for array in (mean, variance, scale, offset)))


def lenet(rng: np.random.Generator) -> Graph:
    """Return LeNet-5 with average pooling: 0.41 million products, 6,508 neurons."""
    ops = [
        _conv(rng, 5, 1, 6, padding=2),
        Relu(),
        AveragePool((2, 2)),
        _conv(rng, 5, 6, 16),
        Relu(),
        AveragePool((2, 2)),
    ]
    ops += [_conv(rng, 5, 16, 120), Relu(), Flatten(), _dense(rng, 120, 84), Relu(), _dense(rng, 84, 10)]
    return _chain((28, 28, 1), ops)


def vgg(rng: np.random.Generator) -> Graph:
    """Return two pairs of 3 x 3 convolutions with batch normalization, pooled, and two Dense layers."""
    ops = _blocks(rng, (32, 32, POOL, 64, 64, POOL))
    return _chain((32, 32, 3), [*ops, Flatten(), _dense(rng, 8 * 8 * 64, 256), Relu(), _dense(rng, 256, 10)])


def vgg11(rng: np.random.Generator) -> Graph:
    """Return the eight convolutions of VGG-11 for 32 x 32, with batch normalization, and one Dense layer."""
    ops = _blocks(rng, (64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL))
    return _chain((32, 32, 3), [*ops, Flatten(), _dense(rng, 512, 10)])


def _blocks(rng: np.random.Generator, widths: tuple[int, ...]) -> list[Op]:
    ops: list[Op] = []
    before = 3
    for width in widths:
        if width == POOL:
            ops.append(AveragePool((2, 2)))
            continue
        ops += [_conv(rng, 3, before, width, padding=1), _normalized(rng, width), Relu()]
        before = width
    return ops


def mlp(rng: np.random.Generator) -> Graph:
    """Return 784-1200-1200-10."""
    return _chain((784,), [_dense(rng, 784, 1200), Relu(), _dense(rng, 1200, 1200), Relu(), _dense(rng, 1200, 10)])


def images(rng: np.random.Generator, samples: int, shape: tuple[int, ...]) -> Array:
    """Return blobs on black with values in steps of 1/256: a fifth of the pixels of one channel, all of several."""
    values = rng.uniform(0, 1, (samples, *shape))
    several = len(shape) == 3 and min(shape) > 1
    values *= 1 if several else rng.random((samples, *shape)) < 0.2
    return (np.round(values / RAMP) * RAMP).astype(np.float32)


def from_rest(graph: Graph) -> Graph:
    """Return a spiking graph whose neurons begin at zero."""
    return _with_ops(graph, lambda op: replace(op, initial_potential=np.zeros((), np.float32)), IntegrateFire)


def reset_to_zero(graph: Graph) -> Graph:
    """Return a spiking graph whose neurons forget what lies above the threshold."""
    return _with_ops(graph, lambda op: replace(op, reset="zero"), IntegrateFire)


def on_grid(graph: Graph) -> Graph:
    """Return a graph whose weights are 8-bit integers times a power of two, and whose biases are steps of 1/4096."""

    def rounded(op: WeightedOp) -> WeightedOp:
        step = 2.0 ** np.ceil(np.log2(max(float(np.abs(op.weight).max()), 1e-9) / 127))
        bias = None if op.bias is None else (np.round(op.bias * 4096) / 4096).astype(np.float32)
        return replace(op, weight=(np.round(op.weight / step) * step).astype(np.float32), bias=bias)

    return _with_ops(graph, rounded, WeightedOp)


def fainter(case_: Case, halvings: int) -> Case:
    """Return the case with inputs and biases divided by ``2 ** halvings``: the same network, firing less."""
    factor = np.float32(2.0**-halvings)

    def weaker(op: WeightedOp) -> WeightedOp:
        return op if op.bias is None else replace(op, bias=op.bias * factor)

    return replace(case_, graph=_with_ops(case_.graph, weaker, WeightedOp), inputs=case_.inputs * factor)


def _with_ops(graph, change, kind) -> Graph:
    nodes = (Node(n.name, change(n.op), n.inputs) if isinstance(n.op, kind) else n for n in graph)
    return Graph(tuple(nodes), graph.outputs).verify()
