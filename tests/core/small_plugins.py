"""Small plugins of every kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

import numpy as np

from snntk_core import (
    Array,
    Capabilities,
    Component,
    Context,
    Dense,
    Graph,
    Input,
    IntegrateFire,
    Issue,
    Node,
    NumberFormat,
    Parser,
    Preserves,
    Probes,
    Readout,
    Recording,
    Redirect,
    Relu,
    Runnable,
    Simulator,
    SpikeSource,
    Stage,
    Transform,
    WeightQuantizer,
    activations,
    hookimpl,
    option,
)
from snntk_core.connectivity import synaptic_operations
from snntk_core.errors import Incompatible
from snntk_core.testing.stepped_reference import simulate_plainly

HOOKS = {
    Parser: "snntk_parsers",
    Transform: "snntk_transforms",
    WeightQuantizer: "snntk_quantizers",
    Simulator: "snntk_simulators",
}


def plugin(*components: type[Component], recipes: tuple[Path, ...] = (), **hooks: Any) -> ModuleType:
    """Return a plugin object that offers these components and recipes; ``hooks`` are further hook functions."""
    offered: dict[str, list[Any]] = {}
    for component in components:
        hook = next(name for base, name in HOOKS.items() if issubclass(component, base))
        offered.setdefault(hook, []).append(component)
    if recipes:
        offered["snntk_recipes"] = list(recipes)

    def implement(name: str, answer: Any) -> Any:
        function = answer if callable(answer) else (lambda: answer)
        function.__name__ = name
        return hookimpl(function)

    made = ModuleType("small")
    for name, answer in {**offered, **hooks}.items():
        setattr(made, name, implement(name, answer))
    return made


@dataclass(frozen=True)
class Pairs(Parser):
    """Lists of (weight, bias) pairs with a ReLU between them."""

    name: ClassVar[str] = "pairs"
    reads: ClassVar[str] = "lists of pairs"

    def accepts(self, source: object) -> bool:
        return isinstance(source, list)

    def load(self, source: Any) -> Any:
        return source

    def parse(self, model: Any) -> Graph:
        nodes = [Node("input", Input(model[0][0].shape[:1]))]
        for i, (weight, bias) in enumerate(model):
            if i:
                nodes.append(Node(f"relu{i}", Relu(), (nodes[-1].name,)))
            nodes.append(Node(f"dense{i}", Dense(weight, bias), (nodes[-1].name,)))
        return Graph(tuple(nodes))

    def predict(self, model: Any, batch: Array) -> Array:
        for i, (weight, bias) in enumerate(model):
            batch = (np.maximum(batch, 0) if i else batch) @ weight + bias
        return batch


@dataclass(frozen=True)
class Detour(Parser):
    """Sends tuples on to another parser."""

    name: ClassVar[str] = "detour"
    to: str = option("pairs", "who reads it")

    def accepts(self, source: object) -> bool:
        return isinstance(source, tuple) and not isinstance(source[0], str | Path)

    def load(self, source: Any) -> Any:
        return Redirect(self.to, list(source))

    def parse(self, model: Any) -> Graph:
        raise AssertionError

    def predict(self, model: Any, batch: Array) -> Array:
        raise AssertionError


@dataclass(frozen=True)
class Halve(Transform):
    """Halve all weights, and biases as often as their input was halved, so that only the scale changes."""

    name: ClassVar[str] = "halve"
    stage: ClassVar[Stage] = Stage.SIMPLIFY
    preserves: ClassVar[Preserves] = Preserves.SCALE
    factor: float = option(0.5, "what they are multiplied by")

    def apply(self, graph: Graph, context: Context) -> Graph:
        for node in graph:
            if isinstance(node.op, Dense):
                bias = None if node.op.bias is None else node.op.bias * self.factor ** (int(node.name[-1]) + 1)
                graph = graph.replace(node.name, replace(node.op, weight=node.op.weight * self.factor, bias=bias))
        return graph


@dataclass(frozen=True)
class Keep(Transform):
    """Do nothing."""

    name: ClassVar[str] = "keep"
    stage: ClassVar[Stage] = Stage.ADAPT
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        return graph


@dataclass(frozen=True)
class Calibrated(Transform):
    """Need calibration samples and do nothing with them."""

    name: ClassVar[str] = "calibrated"
    stage: ClassVar[Stage] = Stage.NORMALIZE
    preserves: ClassVar[Preserves] = Preserves.SCALE
    needs_calibration: ClassVar[bool] = True

    def apply(self, graph: Graph, context: Context) -> Graph:
        assert context.calibration is not None
        return graph


@dataclass(frozen=True)
class Liar(Transform):
    """Say that the output is kept, and double it."""

    name: ClassVar[str] = "liar"
    stage: ClassVar[Stage] = Stage.ADAPT
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        last = graph[graph.outputs[0]]
        return graph.replace(last.name, replace(last.op, weight=last.op.weight * 2))


@dataclass(frozen=True)
class Eight(WeightQuantizer):
    """Eight bits on a grid of 1/256."""

    name: ClassVar[str] = "eight"
    bits: int = option(8, "bits")

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat:
        return NumberFormat(self.bits, 2.0**-5)


@dataclass(frozen=True)
class Code(Transform):
    """Replace every ReLU by neurons."""

    name: ClassVar[str] = "code"
    stage: ClassVar[Stage] = Stage.SPIKIFY
    preserves: ClassVar[Preserves] = Preserves.NOTHING
    clip: float = option(1.0, "threshold as a share of the largest activation")

    def apply(self, graph: Graph, context: Context) -> Graph:
        names = [node.name for node in graph if isinstance(node.op, Relu)]
        batch = context.calibration
        if batch is None:
            raise Incompatible(self.name, [Issue("graph", "no samples.", "Give some.")])
        largest = {name: float(values.max()) for name, values in activations(graph, batch, names).items()}
        graph = graph.replace("input", SpikeSource(graph.input_shape))
        for name in names:
            threshold = largest[name] * self.clip
            graph = graph.replace(name, IntegrateFire(threshold, threshold / 2))
        return graph.insert_after(graph.outputs[0], "readout", Readout())


class Plain(Runnable):
    """The compliance kit's reference as a program."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def close(self) -> None: ...

    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        found = simulate_plainly(self.graph, batch, int(duration))
        counts = {name: np.asarray(count) for name, count in found.counts.items()}
        times = np.arange(1, int(duration) + 1)
        return Recording(times, found.scores, counts, synaptic_operations(self.graph, counts))


@dataclass(frozen=True)
class Numpy(Simulator):
    """The compliance kit's reference as a simulator, under the default's name."""

    name: ClassVar[str] = "numpy"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = Capabilities(frozenset({SpikeSource, Dense, IntegrateFire, Readout}))

    def compile(self, graph: Graph) -> Plain:
        return Plain(graph)


@dataclass(frozen=True)
class Absent(Simulator):
    """Needs a library that nobody has."""

    name: ClassVar[str] = "absent"
    requires: ClassVar[tuple[str, ...]] = ("no_such_library",)
    install: ClassVar[str] = "pip install no-such-library"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = Capabilities(frozenset({SpikeSource}))

    def compile(self, graph: Graph) -> Plain:
        raise AssertionError


COMPONENTS = (Pairs, Detour, Halve, Keep, Calibrated, Liar, Eight, Code, Numpy, Absent)
