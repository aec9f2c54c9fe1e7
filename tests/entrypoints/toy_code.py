"""A plugin in one file: the smallest spike code, and a preset recipe that uses it."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from snntk_core import (
    AnalogOp,
    Context,
    Graph,
    Input,
    IntegrateFire,
    Issue,
    Preserves,
    Readout,
    Relu,
    SpikeSource,
    Stage,
    Transform,
    activations,
    hookimpl,
    option,
)
from snntk_core.errors import Incompatible


@dataclass(frozen=True)
class ToyCode(Transform):
    """Replace every ReLU by neurons whose threshold is the largest activation seen."""

    name: ClassVar[str] = "toy-code"
    stage: ClassVar[Stage] = Stage.SPIKIFY
    preserves: ClassVar[Preserves] = Preserves.NOTHING
    needs_calibration: ClassVar[bool] = True
    margin: float = option(1.0, "threshold as a multiple of the largest activation")

    def apply(self, graph: Graph, context: Context) -> Graph:
        refused = [node for node in graph if isinstance(node.op, AnalogOp) and not isinstance(node.op, Relu)]
        if refused:
            why = {node.name: f"{type(node.op).__name__} cannot spike." for node in refused}
            raise Incompatible(self.name, [Issue(name, text, "Replace it by a ReLU.") for name, text in why.items()])
        assert context.calibration is not None
        values = activations(graph, context.calibration, [node.name for node in graph if isinstance(node.op, Relu)])
        for node in graph:
            if isinstance(node.op, Input):
                graph = graph.replace(node.name, SpikeSource(node.op.shape, node.op.order))
            if isinstance(node.op, Relu):
                threshold = float(values[node.name].max()) * self.margin or 1.0
                graph = graph.replace(node.name, IntegrateFire(threshold, threshold / 2))
        return graph.insert_after(graph.outputs[0], "readout", Readout())


@hookimpl
def snntk_transforms():
    return [ToyCode]


@hookimpl
def snntk_recipes():
    return [Path(__file__).with_name("rate.toml")]
