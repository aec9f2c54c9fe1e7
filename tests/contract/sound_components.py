"""A sound component of every kind; the tests of the kit break them one way at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from snntk_core import (
    ActivationQuantizer,
    AnalogOp,
    Artifact,
    Capabilities,
    ClippedRelu,
    Context,
    Dense,
    Exportable,
    Graph,
    Identity,
    Input,
    IntegrateFire,
    Issue,
    NeuronOp,
    Node,
    NumberFormat,
    Parser,
    Preserves,
    Probes,
    Program,
    QuantizedRelu,
    Readout,
    Recording,
    Relu,
    Runnable,
    Simulator,
    SpikeSource,
    SpikeTrain,
    Stage,
    Transform,
    WeightQuantizer,
    option,
)
from snntk_core.errors import Incompatible
from snntk_core.simulator import operations_by_step
from snntk_core.testing.spiking_graphs import op_examples
from snntk_core.testing.stepped_reference import simulate_plainly


def mutant(sound: type, **members: Any) -> Any:
    """Return a class like ``sound`` with some members replaced, or deleted where None is given."""
    generated = {"__setattr__", "__delattr__", "__eq__", "__init__", "__repr__", "__hash__", "__dict__", "__weakref__"}
    kept = {k: v for k, v in vars(sound).items() if k not in generated and not k.startswith(("_abc", "__dataclass"))}
    options = {item.name: option(item.default, item.metadata["help"]) for item in fields(sound)}
    body = {k: v for k, v in {**kept, **options, **members}.items() if v is not None}
    annotations = {**kept.get("__annotations__", {}), **members.get("__annotations__", {})}
    made = type(sound)(sound.__name__, sound.__bases__, {**body, "__annotations__": annotations})
    return dataclass(frozen=True)(made)


def two_layers() -> object:
    rng = np.random.default_rng(0)
    return [
        (rng.normal(size=shape).astype(np.float32), rng.normal(size=shape[1]).astype(np.float32))
        for shape in ((4, 4), (4, 3))
    ]


@dataclass(frozen=True)
class LayerList(Parser):
    """Reads lists of (weight, bias) pairs with ReLU after each."""

    name: ClassVar[str] = "layer-list"
    examples: ClassVar[Any] = (two_layers,)

    rectify: bool = option(True, "whether ReLU follows each layer")

    def accepts(self, source: object) -> bool:
        return isinstance(source, list) and bool(source) and all(isinstance(pair, tuple) for pair in source)

    def load(self, source: object) -> Any:
        return source

    def parse(self, model: Any) -> Graph:
        nodes = [Node("input", Input(model[0][0].shape[:1]))]
        for i, (weight, bias) in enumerate(model):
            nodes.append(Node(f"dense{i}", Dense(weight, bias), (nodes[-1].name,)))
            if self.rectify:
                nodes.append(Node(f"relu{i}", Relu(), (nodes[-1].name,)))
        return Graph(tuple(nodes))

    def predict(self, model: Any, batch: np.ndarray) -> np.ndarray:
        for weight, bias in model:
            batch = batch @ weight + bias
            batch = batch.clip(min=0) if self.rectify else batch
        return batch


@dataclass(frozen=True)
class DropIdentity(Transform):
    """Removes every Identity."""

    name: ClassVar[str] = "drop-identity"
    stage: ClassVar[Stage] = Stage.SIMPLIFY
    preserves: ClassVar[Preserves] = Preserves.OUTPUT

    def apply(self, graph: Graph, context: Context) -> Graph:
        for node in graph:
            if isinstance(node.op, Identity):
                graph = graph.bypass(node.name)
        return graph


@dataclass(frozen=True)
class PlainCode(Transform):
    """Makes networks of Dense layers with ReLU spiking."""

    name: ClassVar[str] = "plain-code"
    stage: ClassVar[Stage] = Stage.SPIKIFY
    preserves: ClassVar[Preserves] = Preserves.NOTHING

    def apply(self, graph: Graph, context: Context) -> Graph:
        return graph if graph.spiking else spiking(graph)


def spiking(graph: Graph) -> Graph:
    """Return the graph with neurons for activations; refuses by name what is no ReLU."""
    bad = [Issue(n.name, "no ReLU") for n in graph if isinstance(n.op, AnalogOp) and not isinstance(n.op, Relu)]
    bad += [Issue(n.name, "clipped") for n in graph if isinstance(n.op, ClippedRelu)]
    if bad or not isinstance(graph[graph.outputs[0]].op, Dense | Relu):
        raise Incompatible("plain-code", bad or [Issue(graph.outputs[0], "no end")])
    nodes = [replace(n, op=IntegrateFire()) if isinstance(n.op, Relu) else n for n in graph]
    source = graph.source.op
    nodes = [replace(n, op=SpikeSource(source.shape, source.order)) if isinstance(n.op, Input) else n for n in nodes]
    made = replace(graph, nodes=tuple(nodes)).insert_after(graph.outputs[0], "readout", Readout())
    try:
        return made.verify()
    except Exception as error:
        raise Incompatible("plain-code", [Issue(graph.outputs[0], str(error))]) from error


@dataclass(frozen=True)
class LargestValue(WeightQuantizer):
    """``scale = max(|x|) / highest``: the largest value gets the largest code."""

    name: ClassVar[str] = "largest-value"

    bits: int = option(8, "bits of every code")

    def format_for(self, array: np.ndarray, role: str, node: Node) -> NumberFormat:
        return NumberFormat(self.bits, np.abs(array).max(initial=0) / (2 ** (self.bits - 1) - 1) or np.float32(1))


@dataclass(frozen=True)
class LargestOutput(ActivationQuantizer):
    """``scale = max(x) / highest``, unsigned."""

    name: ClassVar[str] = "largest-output"

    bits: int = option(8, "bits of every code")

    def format_for(self, statistics: Any, node: Node) -> NumberFormat:
        return NumberFormat(self.bits, statistics.maximum.max() / (2**self.bits - 1) or np.float32(1), signed=False)


class PlainProgram(Runnable, Exportable):
    """Runs by the plain loop of the kit."""

    def __init__(self, graph: Graph, spoil: Any = lambda program, batch, recording: recording) -> None:
        self.graph, self.spoil, self.runs = graph, spoil, 0

    def close(self) -> None:
        pass

    def run(self, batch: np.ndarray, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        steps = int(duration)
        self.runs += 1
        found = [simulate_plainly(self.graph, batch, t) for t in range(1, steps + 1)]
        counts = {name: count.astype(np.int32) for name, count in found[-1].counts.items()}
        trains = {name: _train([part.counts[name] for part in found]) for name in counts}
        shape = self.graph.shapes
        sizes = {name: len(probes.units.get(name, range(int(np.prod(shape[name]))))) for name in probes.potentials}
        by_step = operations_by_step(self.graph, trains, len(batch), steps)
        recording = Recording(
            np.arange(1, steps + 1),
            found[-1].scores,
            counts,
            sum((step.sum(axis=1) for step in by_step.values()), np.zeros(len(batch), np.int64)),
            {name: trains[name] for name in probes.spikes},
            {name: np.zeros((len(batch), steps, size)) for name, size in sizes.items()},
            by_step if probes.operations else {},
        )
        return self.spoil(self, batch, recording)

    def export(self, directory: Path) -> Artifact:
        (directory / "graph.txt").write_text(str(self.graph), encoding="utf-8")
        return Artifact(directory, {"graph.txt": hashlib.sha256(str(self.graph).encode()).hexdigest()})


def _train(totals: list[np.ndarray]) -> SpikeTrain:
    fired = np.diff(np.stack([np.zeros_like(totals[0]), *totals], axis=1), axis=1)
    sample, time, unit = np.nonzero(fired)
    return SpikeTrain(sample, time + 1, unit)


SPIKING = frozenset(op for op in op_examples() if not issubclass(op, Input | AnalogOp))


@dataclass(frozen=True)
class PlainSimulator(Simulator):
    """Runs and exports every op of a spiking network."""

    name: ClassVar[str] = "plain"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = Capabilities(SPIKING - {NeuronOp})
    spoil: ClassVar[Any] = staticmethod(lambda program, batch, recording: recording)

    def compile(self, graph: Graph) -> Program:
        issues = self.capabilities.check(graph)
        if issues:
            raise Incompatible(self.name, issues)
        return PlainProgram(graph.verify(), self.spoil)


@dataclass(frozen=True)
class PlainTarget(Simulator):
    """Writes networks of quantized Dense layers."""

    name: ClassVar[str] = "plain-target"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "none"
    takes: ClassVar[Literal["spiking", "quantized"]] = "quantized"
    capabilities: ClassVar[Capabilities] = Capabilities(frozenset({Input, Dense, QuantizedRelu}))

    def compile(self, graph: Graph) -> Program:
        issues = self.capabilities.check(graph)
        if issues:
            raise Incompatible(self.name, issues)
        return PlainProgram(graph.verify())


SOUND = (LayerList, DropIdentity, PlainCode, LargestValue, LargestOutput, PlainSimulator, PlainTarget)
