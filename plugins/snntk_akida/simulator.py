"""Akida's first version in numpy: its integers without its library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_akida.arithmetic import predicted, run
from snntk_akida.capabilities import VERSION_1
from snntk_akida.lowering import Block, Feed, input_feed, lower
from snntk_core import (
    Array,
    Capabilities,
    Graph,
    Input,
    Node,
    Probes,
    QuantizedRelu,
    Recording,
    Runnable,
    Simulator,
    WeightedOp,
    option,
)
from snntk_core.connectivity import fan_out
from snntk_core.errors import DataError, Incompatible
from snntk_core.reference import as_batch, part_size

NEAR = 1e-3


@dataclass(frozen=True)
class Akida1Simulator(Simulator):
    """Runs a quantized network in the integers of Akida's first version, with its thresholds and steps.

    It takes one step.  What it counts as spikes are the codes that activations put out.  Thresholds are whole numbers
    and steps whole sixteenths, so an activation may be a code away from the quantized network where codes lie close.
    """

    name: ClassVar[str] = "akida1"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "event"
    takes: ClassVar[Literal["spiking", "quantized"]] = "quantized"
    capabilities: ClassVar[Capabilities] = VERSION_1

    input_scale: float = option(1.0, "the integers fed are input_scale * x + input_shift; 255 for images from 0 to 1")
    input_shift: int = option(0, "the integer that stands for an input of zero")

    def __post_init__(self) -> None:
        if not self.input_scale > 0:
            raise ValueError(f"input_scale is above zero, got {self.input_scale}")

    def compile(self, graph: Graph) -> Akida1Program:
        """Return the network in integers.

        Raises `Incompatible` with every issue for a network that breaks a rule of version 1, or overflows.
        """
        issues = self.capabilities.check(graph)
        if issues:
            raise Incompatible(self.name, issues)
        feed = input_feed(graph, self.input_scale, self.input_shift)
        return Akida1Program(graph, lower(graph.verify(), self.input_scale, self.input_shift), feed)


class Akida1Program(Runnable):
    """A network in Akida's integers, ready to run; ``blocks`` are its layers in order."""

    def __init__(self, graph: Graph, blocks: tuple[Block, ...], feed: Feed) -> None:
        self.graph, self.blocks, self.feed = graph, blocks, feed
        self.part = part_size(graph, 8)

    def close(self) -> None:
        """Release nothing: there is no device."""

    def encode(self, batch: Array) -> Array:
        """Return samples ``(n, *input shape)`` as the integers fed, uint8 and channels last.

        Raises `DataError` for samples that are no integers that are fed: 0 to 255, or 15 for vectors.
        """
        op = self.graph.source.op
        batch = as_batch(self.graph, np.asarray(batch))
        rescaled = self.feed.stands_for_input
        fed = batch.astype(np.float64) * (1.0 if rescaled else self.feed.scale) + (0 if rescaled else self.feed.shift)
        codes = np.rint(fed)
        if np.abs(fed - codes).max(initial=0.0) > NEAR or codes.min() < 0 or codes.max() > self.feed.largest:
            raise DataError(
                f"The samples are no integers from 0 to {self.feed.largest}: they begin at {fed.min():g} and end at "
                f"{fed.max():g}. Say by input_scale and input_shift how they were made of integers."
            )
        order = op.order if isinstance(op, Input) else ()
        codes = codes.astype(np.uint8)
        return codes.transpose(0, *(axis + 1 for axis in order)) if order else codes

    def potentials(self, codes: Array) -> dict[str, Array]:
        """Return the potentials of every block, int64 (n, *shape), for the integers fed (n, *shape), channels last."""
        return {block.name: potential for block, potential, _ in run(self.blocks, codes)}

    def run(self, batch: Array, *, duration: float = 1, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout; there is one step, whatever the duration.

        ``scores`` are ``(P - threshold) / act_step`` of the last layer, or the codes it puts out.  ``spike_counts`` are
        the codes of activations, and an operation is what a code other than zero causes at one unit.
        """
        probes.check(self.graph)
        codes = self.encode(batch)
        relus = {block.name: _relu_of(self.graph, block) for block in self.blocks if block.bits}
        scores: list[Array] = []
        counts: dict[str, list[Array]] = {name: [] for name in relus.values()}
        for start in range(0, len(codes), self.part):
            for block, potential, values in run(self.blocks, codes[start : start + self.part]):
                if values is not None:
                    counts[relus[block.name]].append(values.reshape(len(values), -1))
                last = predicted(block, potential) if values is None else values
            scores.append(last.reshape(len(last), 1, -1))
        found = {name: np.concatenate(parts) for name, parts in counts.items()}
        operations = np.zeros(len(codes), np.int64)
        for name, values in found.items():
            operations += (values != 0) @ fan_out(self.graph, name).reshape(-1)
        return Recording(np.array([1]), np.concatenate(scores), found, operations)


def _relu_of(graph: Graph, block: Block) -> str:
    """Return the activation of a block: the first one behind its weights."""
    following: list[Node] = list(graph.users(block.name))
    while following and not isinstance(following[0].op, QuantizedRelu | WeightedOp):
        following = list(graph.users(following[0].name))
    return following[0].name
