"""Spiking max pooling, made ready to run chunk after chunk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core import Array, SpikingMaxPool, apply
from snntk_core.reference.neuron import gate
from snntk_core.shapes import Shape
from snntk_event.chunk import Chunk, Emitted, words
from snntk_event.costs import POOL
from snntk_event.currents import Currents
from snntk_event.lowering import Layer
from snntk_event.memory import Memory
from snntk_event.parallel import Stretch, Team
from snntk_event.placement import grid
from snntk_event.tiling import WIDE, Tiling, alone


@dataclass(eq=False)
class PoolState:
    """What a pool holds between chunks: the total of every input, the largest of each window, and spike counts."""

    total: Array
    largest: Array
    counts: Array
    constant: Array | None


@dataclass(frozen=True, eq=False)
class Pool:
    """A layer of `SpikingMaxPool`.

    ``windows`` and ``window_starts``: the positions of each window, where whole spike counts decide; None where inputs
    carry different amounts, which are summed as the reference does.
    """

    layer: Layer
    currents: Currents
    before: Shape
    op: SpikingMaxPool
    windows: Array | None
    window_starts: Array | None

    @property
    def tiling(self) -> Tiling:
        """How its units lie in trains."""
        return alone(self.layer.shape, WIDE)

    def start(self, constant: Array | None, images: int, memory: Memory) -> PoolState:
        """Return the state before the first step."""
        after = grid(self.layer.shape)
        counts = np.zeros((images, *after), np.int32)
        if self.windows is None:
            totals = (np.zeros((images, *shape), np.float32) for shape in (self.before, self.layer.shape))
        else:
            totals = (np.zeros((images, *shape), np.int32) for shape in (grid(self.before), after))
        return PoolState(*totals, counts, constant)

    def count(self, state: PoolState, counts: Array) -> None:
        """Write the spikes so far into ``counts``, (images, units)."""
        counts[...] = state.counts.reshape(counts.shape)

    def advance(self, state: PoolState, chunk: Chunk, trace: bool, team: Team) -> tuple[Emitted, Array, str]:
        """Run through the steps of a chunk; return what was emitted, an empty array, and in which way."""
        positions, channels = grid(self.layer.shape)
        masks = chunk.memory.take(
            (self.layer.name, "masks"), (chunk.images, chunk.steps, positions, words(channels)), np.uint64
        )
        nothing = np.zeros((0, 0, 0, 0), np.float32)
        if self.windows is None:
            values = self._step(state, chunk, masks)
            return self._emitted(masks, chunk, values), nothing, "dense"
        from snntk_event.kernels.pool import pool_spikes

        source = chunk.emitted[self.layer.sources[0]].masks
        gates, held = self.op.rule == "gate", (state.total, state.largest, state.counts)

        def work(stretch: Stretch) -> None:
            pool_spikes(source, self.windows, self.window_starts, gates, *held, masks, *stretch[:2])

        team.spread(work, chunk.images, 1, masks.size * POOL if chunk.images >= team.size else 0)
        return self._emitted(masks, chunk), nothing, "events"

    def _emitted(self, masks: Array, chunk: Chunk, values: Array | None = None) -> Emitted:
        amplitude = self.layer.amplitude if values is None else None
        return Emitted(
            self.layer.shape, chunk.steps, masks, amplitude, self.tiling, False, values, self.layer.name, chunk.memory
        )

    def _step(self, state: PoolState, chunk: Chunk, masks: Array) -> Array:
        """Step as the reference does and return what passes; ``masks`` are written."""
        from snntk_event.kernels.unpack import pack

        sources = {name: chunk.values_of(name) for name in self.layer.sources}
        driven = self.currents.driven(self.layer.current, sources)
        driven = driven.reshape(chunk.images, chunk.steps, *self.before)
        values = np.empty((chunk.images, chunk.steps, *self.layer.shape), np.float32)
        for step in range(chunk.steps):
            current = driven[:, step] if state.constant is None else driven[:, step] + state.constant
            state.total += current
            if self.op.rule == "gate":
                values[:, step] = gate(self.op, state.total, current)
            else:
                largest = apply(self.op, state.total)
                values[:, step] = largest - state.largest
                state.largest = largest
        fired = (values != 0).reshape(chunk.images, chunk.steps, *grid(self.layer.shape))
        state.counts += fired.sum(axis=1, dtype=np.int32)
        pack(fired, masks)
        return values


def pool(layer: Layer, currents: Currents, before: Shape) -> Pool:
    """Return a pool made ready to run."""
    op = layer.op
    assert isinstance(op, SpikingMaxPool)
    if layer.windows is None:
        return Pool(layer, currents, before, op, None, None)
    taken = layer.windows.T >= 0
    starts = np.concatenate([[0], np.cumsum(taken.sum(axis=1))]).astype(np.int32)
    return Pool(layer, currents, before, op, np.ascontiguousarray(layer.windows.T[taken]), starts)
