"""What keeps a graph from being valid, as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snntk_core.number_format import NumberFormat
from snntk_core.ops import (
    AnalogOp,
    FakeQuantize,
    Input,
    IntegrateFire,
    LinearOp,
    Op,
    PoissonSpikes,
    QuantizedRelu,
    Readout,
    SpikeSource,
    SpikingMaxPool,
    WeightedOp,
)

if TYPE_CHECKING:
    from snntk_core.graph import Graph


def structure_problems(graph: Graph) -> list[str]:
    """Return what is wrong with names, inputs and outputs; without any of it the shapes can be inferred."""
    problems: list[str] = []
    seen: set[str] = set()
    for node in graph:
        if node.name in seen:
            problems.append(f"the name {node.name!r} is used twice")
        late = [name for name in node.inputs if name not in seen]
        problems += [f"{node.name} reads {name!r}, which is not defined before it" for name in late]
        arity, count = node.op.arity, len(node.inputs)
        if (count < 1) if arity is None else (count != arity):
            problems.append(f"{node.name}: {type(node.op).__name__} takes {arity or 'one or more'} inputs, got {count}")
        seen.add(node.name)
    problems += [f"the output {name!r} is not a node" for name in graph.outputs if name not in seen]
    sources = [node.name for node in graph if isinstance(node.op, Input | SpikeSource)]
    if len(sources) != 1:
        problems.append(f"a graph has one input, this one has {', '.join(sources) or 'none'}")
    return problems


def value_problems(graph: Graph) -> list[str]:
    """Return the arrays that are not finite, or not on the grid of their format."""
    problems: list[str] = []
    for node in graph:
        arrays = node.op.arrays
        problems += [f"{node.name}: {key} is not finite" for key, a in arrays.items() if not np.isfinite(a).all()]
        for key, number_format in node.formats.items():
            if key in arrays and not number_format.fits(arrays[key].shape):
                steps = f"{number_format.scale.size} steps along axis {number_format.axis}"
                problems.append(f"{node.name}: {key} has the shape {arrays[key].shape}, its format {steps}")
            elif key in arrays and not number_format.honored_by(arrays[key]):
                problems.append(f"{node.name}: {key} is not on its {number_format.bits}-bit grid")
            elif key == "output" and not _kept(node.op, number_format):
                problems.append(f"{node.name}: its output is not in the {number_format.bits}-bit format it says")
    return problems


def _kept(op: Op, number_format: NumberFormat) -> bool:
    """Whether an op that rounds puts out what its format says; nothing is known of other ops."""
    if not isinstance(op, QuantizedRelu | FakeQuantize):
        return True
    highest = op.levels if isinstance(op, QuantizedRelu) else op.highest
    return np.array_equal(op.step.astype(np.float32), number_format.scale) and highest <= number_format.highest


def spiking_problems(graph: Graph) -> list[str]:
    """Return what a spiking network may not hold, and where no neuron stands between two weighted ops."""
    problems = [
        f"{node.name}: {type(node.op).__name__} has no place in a spiking network"
        for node in graph
        if isinstance(node.op, AnalogOp | Input)
    ]
    problems += [f"the output {n} is not a Readout" for n in graph.outputs if not isinstance(graph[n].op, Readout)]
    problems += [
        f"{node.name} reads {node.inputs[0]}, which changes from step to step: random spikes are drawn from a constant"
        for node in graph
        if isinstance(node.op, PoissonSpikes) and node.inputs[0] not in steady_nodes(graph)
    ]
    weighted: dict[str, str] = {}  # the weighted op whose current a node carries, with no neuron since
    for node in graph:
        above = next((weighted[name] for name in node.inputs if name in weighted), None)
        if isinstance(node.op, WeightedOp):
            if above is not None:
                problems.append(f"{node.name} follows {above} with no neuron between them")
            weighted[node.name] = node.name
        elif above is not None and not isinstance(node.op, IntegrateFire | PoissonSpikes):
            weighted[node.name] = above
    return problems


def steady_nodes(graph: Graph) -> frozenset[str]:
    """Return the nodes whose value is the same in every step: the source, and what depends on nothing else."""
    found: set[str] = set()
    for node in graph:
        routed = isinstance(node.op, LinearOp | SpikingMaxPool) and found.issuperset(node.inputs)
        if isinstance(node.op, SpikeSource) or routed:
            found.add(node.name)
    return frozenset(found)
