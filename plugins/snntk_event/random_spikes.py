"""Spikes drawn at random from the input: nothing drives them, and they enter like those of any other layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core import Array, Graph, PoissonSpikes
from snntk_core.reference.poisson import PoissonStream, poisson_stream
from snntk_core.shapes import Shape
from snntk_event.chunk import Chunk, Emitted, words
from snntk_event.lowering import per_channel
from snntk_event.placement import grid
from snntk_event.tiling import WIDE, Tiling, alone

NOTHING = np.zeros((0, 0, 0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class RandomSpikes:
    """A node of `PoissonSpikes`.  ``amplitude``: (1 or positions, channels)."""

    name: str
    shape: Shape
    amplitude: Array

    @property
    def tiling(self) -> Tiling:
        """How its units lie in trains."""
        return alone(self.shape, WIDE)

    def emit(self, stream: PoissonStream, counts: Array, chunk: Chunk) -> Emitted:
        """Return the spikes of a chunk, and add them to ``counts`` (images, units)."""
        from snntk_event.kernels.unpack import pack

        fired = stream.take(chunk.steps)
        counts += fired.reshape(*fired.shape[:2], -1).sum(axis=1, dtype=np.int32)
        positions, channels = grid(self.shape)
        shape = (chunk.images, chunk.steps, positions, words(channels))
        masks = chunk.memory.take((self.name, "random spikes"), shape, np.uint64)
        pack(fired.reshape(*shape[:3], channels), masks)
        return Emitted(self.shape, chunk.steps, masks, self.amplitude, self.tiling)


def random_spikes(graph: Graph) -> tuple[RandomSpikes, ...]:
    """Return the nodes of a graph whose spikes are drawn at random."""
    return tuple(
        RandomSpikes(node.name, graph.shapes[node.name], per_channel(node.op.spike, graph.shapes[node.name]))
        for node in graph
        if isinstance(node.op, PoissonSpikes)
    )


@dataclass(frozen=True, eq=False)
class Drawing:
    """The random spikes of one part of a batch on their way.  ``counts``: (images, units) each."""

    nodes: tuple[RandomSpikes, ...]
    streams: dict[str, PoissonStream]
    counts: dict[str, Array]

    @classmethod
    def of(cls, nodes: tuple[RandomSpikes, ...], graph: Graph, batch: Array) -> Drawing:
        """Return the state before the first step."""
        streams = {node.name: poisson_stream(graph, node.name, batch) for node in nodes}
        counts = {node.name: np.zeros((len(batch), int(np.prod(node.shape))), np.int32) for node in nodes}
        return cls(nodes, streams, counts)

    def emit(self, chunk: Chunk) -> None:
        """Add the spikes of a chunk to what was emitted in it."""
        for node in self.nodes:
            chunk.emitted[node.name] = node.emit(self.streams[node.name], self.counts[node.name], chunk)
