"""A graph made ready to be run layer by layer: one function for each linear op, arrays on the device.

A value is the same in every step, (batch, *shape), or belongs to a chunk of steps, (steps, batch, *shape).  What no
spike changes is computed once for each part of a batch; a constant current among driven ones is added to every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snntk_core import (
    Add,
    AveragePool,
    Concat,
    GlobalAveragePool,
    Graph,
    LinearOp,
    Node,
    Scale,
    SpikeSource,
    SpikingMaxPool,
    Subtract,
    WeightedOp,
)
from snntk_core.connectivity import steady
from snntk_torchsim.linear import Function, prepared
from snntk_torchsim.population import largest_of_windows
from snntk_torchsim.windows import pool_reach

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FRESH = (WeightedOp, AveragePool, GlobalAveragePool, Scale, Add, Subtract, Concat)
"""Ops that write memory of their own; the others may answer with a view of what they read."""


@dataclass(frozen=True, eq=False)
class Network:
    """``functions``: of every linear op, and of pools that no spike reaches.  ``steady``: nodes that no spike changes.

    ``owned``: neuron nodes that alone read what they receive.  ``last``: for every node, the nodes whose values nobody
    reads after it.
    """

    graph: Graph
    device: torch.device
    functions: Mapping[str, Function]
    steady: frozenset[str]
    owned: frozenset[str]
    last: Mapping[str, tuple[str, ...]]

    @property
    def stateful(self) -> tuple[Node, ...]:
        """The nodes that hold state: neurons, pools of spikes, readouts."""
        return tuple(
            node for node in self.graph if node.name not in self.functions and not isinstance(node.op, SpikeSource)
        )

    def constants(self, batch: Tensor) -> dict[str, Tensor]:
        """Return the values of the nodes that no spike changes, for a part of a batch."""
        values: dict[str, Tensor] = {}
        for node in self.graph:
            if isinstance(node.op, SpikeSource):
                order = node.op.order or tuple(range(len(node.op.shape)))
                values[node.name] = batch.permute(0, *(axis + 1 for axis in order)).contiguous()
            elif node.name in self.steady:
                values[node.name] = self.functions[node.name](*(values[name] for name in node.inputs))
        return values

    def driven(self, node: Node, values: Mapping[str, Tensor]) -> Tensor:
        """Return the value of a linear node in every step of a chunk."""
        steps = max(len(values[name]) for name in node.inputs if name not in self.steady)
        inputs = [self._in_steps(name, values[name], steps) for name in node.inputs]
        flat = [x.reshape(-1, *x.shape[2:]) for x in inputs]
        return self.functions[node.name](*flat).unflatten(0, (steps, -1))

    def _in_steps(self, name: str, value: Tensor, steps: int) -> Tensor:
        return value.expand(steps, *value.shape) if name in self.steady else value

    def current(self, node: Node, values: Mapping[str, Tensor]) -> Tensor:
        """Return what a node with state receives: (steps, batch, *shape), or (1, batch, *shape) if always the same."""
        value = values[node.inputs[0]]
        return value[None] if node.inputs[0] in self.steady else value


def network(graph: Graph, device: torch.device) -> Network:
    """Return a valid spiking graph made ready for a device."""
    constant, functions = steady(graph), {}
    for node in graph:
        if isinstance(node.op, LinearOp):
            functions[node.name] = prepared(node.op, graph.shapes[node.inputs[0]], device)
        elif isinstance(node.op, SpikingMaxPool) and node.name in constant:
            functions[node.name] = _largest(node.op, graph.shapes[node.inputs[0]])
    owned = (node.name for node in graph if len(node.inputs) == 1 and _owned(graph, constant, node))
    return Network(graph, device, functions, constant, frozenset(owned), _last_reads(graph, constant))


def _largest(op: SpikingMaxPool, shape: tuple[int, ...]) -> Function:
    reach = pool_reach(op, shape)
    return lambda x: largest_of_windows(op, reach, x)


def _owned(graph: Graph, constant: frozenset[str], node: Node) -> bool:
    above = graph[node.inputs[0]]
    fresh = isinstance(above.op, FRESH) and not (isinstance(above.op, Add) and len(above.inputs) == 1)
    return fresh and above.name not in constant and len(graph.users(above.name)) == 1


def _last_reads(graph: Graph, constant: frozenset[str]) -> dict[str, tuple[str, ...]]:
    reader = {name: node.name for node in graph for name in node.inputs if name not in constant}
    return {node.name: tuple(name for name, last in reader.items() if last == node.name) for node in graph}
