"""What simulators of spiking networks take, layer by layer and neuron by neuron: asked of their capabilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from snntk_core.capability import Issue
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import (
    AnalogOp,
    Array,
    AveragePool,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    Input,
    IntegrateFire,
    Pad,
    PoissonSpikes,
    Readout,
    Scale,
    SpikeSource,
    SpikingMaxPool,
    Subtract,
)
from snntk_core.simulator import Simulator
from snntk_core.testing.resets import resetting_to_zero
from snntk_core.testing.spiking_graphs import around, around_pool, exact, networks, neuron_examples, op_examples

RESETS = ("reset by subtraction", "reset to zero")
"""The features that are a reset: their networks are asked about as they are."""


@dataclass(frozen=True, eq=False)
class Support:
    """What a simulator says of a feature.

    ``taken``: "yes", "zero" where neurons have to reset to zero, or "no".  ``graph``: the network that is taken, or the
    one that is refused for less.  ``issues``: what keeps it from being taken.
    """

    taken: Literal["yes", "zero", "no"]
    graph: Graph
    issues: tuple[Issue, ...] = ()

    @classmethod
    def of(cls, simulator: type[Simulator], feature: str, graph: Graph) -> Support:
        """Ask the capabilities of a simulator."""
        check = simulator.capabilities.check
        issues = check(graph)
        if not issues or feature in RESETS:
            return cls("no" if issues else "yes", graph, issues)
        changed = resetting_to_zero(graph)
        others = check(changed)
        if not others:
            return cls("zero", changed)
        return cls("no", changed, others) if len(others) < len(issues) else cls("no", graph, issues)


@dataclass(frozen=True, eq=False)
class Row:
    """A feature, the smallest network that has it, and what each simulator says of it."""

    feature: str
    graph: Graph
    support: Mapping[str, Support]


def spiking_targets(simulators: Iterable[type[Simulator]]) -> tuple[type[Simulator], ...]:
    """Return the simulators that take spiking networks, by name."""
    return tuple(sorted((s for s in simulators if s.takes == "spiking"), key=lambda simulator: simulator.name))


def feature_examples() -> Mapping[str, Mapping[str, Graph]]:
    """Return networks for layers, neurons, inputs and outputs, and whole networks, by the feature they have."""
    return {
        "Layers": layer_examples(), "Neurons and pools of spikes": dict(neuron_examples()) | pool_examples(),
        "Input and output": end_examples(), "Networks": dict(networks()),
    }  # fmt: skip


def support_matrix(simulators: Iterable[type[Simulator]]) -> Mapping[str, tuple[Row, ...]]:
    """Return a table for each kind of feature, with the simulators that take spiking networks."""
    targets = spiking_targets(simulators)
    return {
        title: tuple(
            Row(feature, graph, {target.name: Support.of(target, feature, graph) for target in targets})
            for feature, graph in graphs.items()
        )
        for title, graphs in feature_examples().items()
    }


def layer_examples() -> dict[str, Graph]:
    """Return a network for each layer of a spiking network, and for what a layer may have besides."""
    plain = {
        op.__name__: graph
        for op, graph in op_examples().items()
        if not issubclass(op, AnalogOp | Input | SpikeSource | PoissonSpikes | IntegrateFire | SpikingMaxPool | Readout)
    }
    kernel, edge = exact(3, 3, 2, 4), ((1, 1), (1, 1))
    images = {
        "Conv2D with strides": Conv2D(kernel, strides=(2, 2)),
        "Conv2D with as much padding on each side": Conv2D(kernel, padding="same"),
        "Conv2D with uneven padding": Conv2D(exact(2, 2, 2, 4), padding="same"),
        "Conv2D with dilation": Conv2D(exact(2, 2, 2, 4), dilation=(2, 2)),
        "Conv2D in groups": Conv2D(exact(3, 3, 1, 4), groups=2),
        "Conv2D with an oblong kernel": Conv2D(exact(1, 4, 2, 4)),
        "AveragePool with overlapping windows": AveragePool((2, 2), (1, 1)),
        "AveragePool with padding that counts": AveragePool((2, 2), (2, 2), edge, count_include_pad=True),
        "AveragePool with padding that does not count": AveragePool((2, 2), (2, 2), edge),
        "Pad with a value": Pad(((1, 1), (1, 1), (0, 0)), 0.5),
        "Scale without offset": Scale(exact(2, seed=3)),
        "Concat along another axis": Concat(0),
    }
    series = {"Conv1D with strides": Conv1D(exact(3, 2, 3), strides=(2,)), "AveragePool of a series": AveragePool((2,))}
    plain |= {title: around(op) for title, op in images.items()}
    plain |= {title: around(op, (6, 2)) for title, op in series.items()}
    plain["AveragePool with windows that hang over"] = around(AveragePool((2, 2), ceil_mode=True), (5, 5, 2))
    return dict(sorted(plain.items()))


def pool_examples() -> dict[str, Graph]:
    """Return networks with pools of spikes that carry more than one amount, and with neurons beside each other."""
    unequal = around_pool(SpikingMaxPool((2, 2))).insert_after("before0", "scaled", Scale(exact(4, 4, 2, seed=5)))
    signed = around_pool(SpikingMaxPool((2, 2)))
    signed = signed.replace("before0", IntegrateFire(amplitude=np.array([0.5, -0.5], np.float32)))
    each = IntegrateFire(np.arange(1, 33, dtype=np.float32).reshape(4, 4, 2) / 8)
    return {
        "threshold of each unit": around(each),
        "pool of spikes that carry unequal amounts": unequal,
        "pool of spikes that carry less than zero": signed,
    }


def regular_spikes(graph: Graph) -> Graph:
    """Return a network with neurons that encode its input, of both signs, as `encode-input` puts them there."""
    limits, spikes = SpikeSource(graph.input_shape, lowest=-2.0, largest=2.0), IntegrateFire(_value(2), _value(1))
    graph = graph.replace("input", limits).insert_after("input", "spikes", Subtract())
    source, difference, *rest = graph.nodes
    both = (
        Node("positive", spikes, ("input",)),
        Node("negated", Scale(_value(-1)), ("input",)),
        Node("negative", spikes, ("negated",)),
        replace(difference, inputs=("positive", "negative")),
    )
    return replace(graph, nodes=(source, *both, *rest))


def _value(number: float) -> Array:
    return np.asarray(number, np.float32)


def end_examples() -> dict[str, Graph]:
    """Return networks for how the input enters and what is read out."""
    examples = op_examples()
    whole = networks()["perceptron"]
    last = whole.outputs[0]
    dense = Node("input_dense", Dense(exact(4, 6)), ("input",))
    direct = Graph((Node("input", SpikeSource((4,))), dense, Node("readout", Readout(), ("input_dense",))))
    return {
        "analog current": whole,
        "regular spikes": regular_spikes(whole),
        "random spikes": examples[PoissonSpikes],
        "channels first": networks()["convolutional"].replace("pool1", AveragePool((2, 2))),
        "no neuron at all": direct,
        "readout with softmax": whole.replace(last, Readout("softmax")),
        "readout with warm-up": whole.replace(last, Readout(warm_up=4)),
        "two readouts": replace(
            whole, nodes=(*whole.nodes, Node("second", Readout(), ("neuron1",))), outputs=(last, "second")
        ),
    }
