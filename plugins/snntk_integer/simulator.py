"""The integer network as a simulator: one pass of integers instead of steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_core import (
    ActivationOp,
    Array,
    BatchNorm,
    Capabilities,
    Graph,
    IntegrateFire,
    Issue,
    LocalResponseNormalization,
    LogSoftmax,
    MaxPool,
    Multiply,
    Node,
    Op,
    PoissonSpikes,
    Probes,
    Readout,
    Recording,
    Runnable,
    Sigmoid,
    Simulator,
    Softmax,
    SpikeSource,
    SpikingMaxPool,
    Tanh,
    WeightedOp,
    option,
)
from snntk_core.connectivity import fan_out
from snntk_core.errors import Incompatible
from snntk_core.reference import as_batch
from snntk_integer.lowering import KNOWN, ROUNDING, host_tail, integer_network
from snntk_integer.network import IntegerNetwork

SPIKING = (SpikeSource, IntegrateFire, PoissonSpikes, SpikingMaxPool)
TAKEN = "Quantize it: snntk.quantize, or a quantizer that rounds any output, such as fixed-point-activations."


def weights_on_grids(graph: Graph, node: Node) -> Iterator[Issue]:
    """Weights are quantized."""
    if isinstance(node.op, WeightedOp) and "weight" not in node.formats:
        yield Issue(node.name, "its weights are not quantized.", "Quantize all layers: snntk.quantize.")


def activations_on_grids(graph: Graph, node: Node) -> Iterator[Issue]:
    """Activations are quantized, but for those at the end, which the host computes."""
    if isinstance(node.op, ActivationOp) and not isinstance(node.op, ROUNDING) and node.name not in host_tail(graph):
        yield Issue(node.name, f"{type(node.op).__name__} is not quantized.", TAKEN)


def _activations(base: type[Op]) -> Iterator[type[Op]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _activations(kind)


@dataclass(frozen=True)
class IntegerSimulator(Simulator):
    """Runs a quantized network in 32-bit integers, equal to the network in exact arithmetic, layer by layer.

    It takes one step.  What it counts as spikes are the codes that activations put out.
    """

    name: ClassVar[str] = "integer"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "event"
    takes: ClassVar[Literal["spiking", "quantized"]] = "quantized"
    capabilities: ClassVar[Capabilities] = Capabilities(
        ops=frozenset({*KNOWN, Softmax, LogSoftmax, Sigmoid, Tanh}),
        rules=(weights_on_grids, activations_on_grids),
        remedies={
            **dict.fromkeys(_activations(ActivationOp), TAKEN),
            BatchNorm: "Fold it with fold-batchnorm, then quantize.",
            **dict.fromkeys(SPIKING, "Take the quantized network, before it is made spiking."),
            LocalResponseNormalization: "Train without it, or with batch normalization, which is folded.",
            Multiply: "Train without it.",
            Readout: "Leave softmax-to-readout out of the recipe: it prepares a network for spikes.",
        },
    )

    input_scale: float | None = option(
        None, "the integers fed are input_scale * x + input_shift; by default x itself, or on the grid the network has"
    )
    input_shift: int = option(0, "the integer that stands for an input of zero")
    input_bits: int = option(8, "bits of the integers fed, which are not below zero")

    def __post_init__(self) -> None:
        if self.input_scale is not None and not self.input_scale > 0:
            raise ValueError(f"input_scale is above zero, got {self.input_scale}")
        if not 1 <= self.input_bits <= 16:
            raise ValueError(f"input_bits lies between 1 and 16, got {self.input_bits}")

    def compile(self, graph: Graph) -> IntegerProgram:
        """Return the network in integers.

        Raises `Incompatible` with every layer that is not quantized, has no integers, or may need more than 32 bits.
        """
        issues = self.capabilities.check(graph)
        if issues:
            raise Incompatible(self.name, issues)
        network = integer_network(
            graph, input_scale=self.input_scale, input_shift=self.input_shift, input_bits=self.input_bits
        )
        return IntegerProgram(graph, network)


def _sends_codes(graph: Graph, node: Node) -> bool:
    """Whether codes go out from a node: it rounds, or it pools codes; a maximum of accumulators is part of a layer."""
    if isinstance(node.op, ROUNDING):
        return True
    return isinstance(node.op, MaxPool) and not _accumulates(graph, graph[node.inputs[0]])


def _accumulates(graph: Graph, node: Node) -> bool:
    """Whether a node holds accumulators of weights that nothing has rounded yet."""
    if isinstance(node.op, ROUNDING):
        return False
    return isinstance(node.op, WeightedOp) or any(_accumulates(graph, graph[name]) for name in node.inputs)


class IntegerProgram(Runnable):
    """A network in integers, ready to run; ``network`` tells everything about it."""

    def __init__(self, graph: Graph, network: IntegerNetwork) -> None:
        self.graph, self.network = graph, network
        self.events = tuple(node.name for node in graph if _sends_codes(graph, node))

    def close(self) -> None:
        """Release nothing: there is no device."""

    def run(self, batch: Array, *, duration: float = 1, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout; there is one step, whatever the duration.

        ``scores`` are the values of the first output, ``spike_counts`` the sizes of the codes of each activation,
        and an operation is what a code other than zero causes at one unit.  Raises `DataError` for samples that are no
        integers under ``input_scale`` and ``input_shift``.
        """
        probes.check(self.graph)
        fed = self.network.feed.encode(as_batch(self.graph, np.asarray(batch)))
        output = self.network.outputs[0]
        scores, counts = [], {name: [] for name in self.events}  # type: dict[str, list[Array]]
        for part in self.network.parts(fed, {output, *self.events}):
            values = self.network[output].value.decode(part[output])
            scores.append(values.reshape(len(values), 1, -1))
            for name in self.events:
                codes = np.abs(part[name][0])
                counts[name].append(codes.reshape(len(codes), -1))
        found = {name: np.concatenate(parts) for name, parts in counts.items()}
        operations = np.zeros(len(fed), np.int64)
        for name, codes in found.items():
            operations += (codes != 0) @ fan_out(self.graph, name).reshape(-1)
        return Recording(np.array([1]), np.concatenate(scores), found, operations)
