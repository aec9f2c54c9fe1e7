"""What simulators that step a spiking network by the clock have in common: what they take, and how a run begins."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real

from snntk_core.capability import Capabilities, Issue
from snntk_core.errors import DataError, Incompatible
from snntk_core.graph import Graph
from snntk_core.node import Node
from snntk_core.ops import (
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
    Identity,
    IntegrateFire,
    LinearOp,
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
from snntk_core.reference import as_batch
from snntk_core.simulator import Probes

LINEAR: tuple[type[LinearOp], ...] = (
    Add, AveragePool, Concat, Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, Flatten, GlobalAveragePool,
    Identity, Pad, Reshape, Scale, Subtract, Transpose, Upsample,
)  # fmt: skip
"""Every linear op of the core."""


def readout_is_the_end(graph: Graph, node: Node) -> Iterator[Issue]:
    """Nothing reads a readout."""
    if isinstance(node.op, Readout) and graph.users(node.name):
        yield Issue(node.name, "something reads this readout, which never spikes.", "Make it the output.")


def one_output(graph: Graph, node: Node) -> Iterator[Issue]:
    """The network has one output."""
    if node.name in graph.outputs[1:]:
        yield Issue(node.name, "is a second output, and scores hold one.", "Concatenate the outputs or keep one.")


EVERY_OP = Capabilities(
    ops=frozenset({*LINEAR, SpikeSource, PoissonSpikes, IntegrateFire, SpikingMaxPool, Readout}),
    rules=(readout_is_the_end, one_output),
)
"""The capabilities of a simulator that runs whatever the core can say of spiking networks with one output."""


def checked_network(name: str, capabilities: Capabilities, graph: Graph) -> Graph:
    """Return a valid spiking graph that the simulator ``name`` takes.

    Raises `Incompatible` with every issue for a network that is not spiking or that ``capabilities`` do not take, and
    `GraphError` for one that is not valid.
    """
    issues = list(capabilities.check(graph))
    if not graph.spiking:
        issues.insert(0, Issue("the network", "it is not spiking.", "Convert it first."))
    if issues:
        raise Incompatible(name, issues)
    return graph.verify()


def checked_run(graph: Graph, batch: Array, duration: float, probes: Probes) -> tuple[Array, int]:
    """Return a batch in the order of the graph's input, see `as_batch`, and the number of steps.

    Raises `DataError` for a batch that is empty or does not fit and for a duration that is no number of steps,
    `UnknownName` for a probe on a node that has no such thing.
    """
    if not isinstance(duration, Real) or not float(duration).is_integer() or duration < 1:
        raise DataError(f"The duration is counted in steps, at least 1, got {duration!r}.")
    probes.check(graph)
    batch = as_batch(graph, batch)
    if not len(batch):
        raise DataError("The batch holds no samples.")
    return batch, int(duration)
