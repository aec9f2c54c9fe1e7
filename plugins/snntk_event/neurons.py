"""Layers of neurons and readouts, made ready to run chunk after chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snntk_core import Array, IntegrateFire
from snntk_event.choice import Choice, Way, choice
from snntk_event.chunk import Chunk, Emitted, words
from snntk_event.currents import Currents
from snntk_event.lowering import Layer, per_channel
from snntk_event.packing import Events, Packed, pack
from snntk_event.parallel import Stretch, Team
from snntk_event.placement import grid
from snntk_event.tiling import Tiling, alone, tiled, widened_terms

SCAN = 1 / 10e9  # seconds that a neuron takes for a step, about; see `choice`
NOTHING = np.zeros((0, 0, 0, 0), np.float32)


@dataclass(eq=False)
class NeuronState:
    """What a layer holds between chunks: (images, wide positions, lanes) each.  ``constant``: its steady current.

    ``blocked`` is empty without refractory time, ``counts`` for a readout.
    """

    potential: Array
    blocked: Array
    counts: Array
    constant: Array


@dataclass(frozen=True, eq=False)
class Neurons:
    """A layer of `IntegrateFire` neurons, or a `Readout`, which is one that never fires.

    ``packed``: its terms, None where only the core's ops compute it.  ``choice``: how a chunk is computed.  ``tiling``:
    how its positions lie in the arrays of the state.
    """

    layer: Layer
    currents: Currents
    packed: Packed | None
    choice: Choice
    tiling: Tiling
    threshold: Array
    initial: Array
    keep: np.float32
    reset_zero: bool
    refractory: int

    @property
    def fires(self) -> bool:
        """Whether it is no readout."""
        return isinstance(self.layer.op, IntegrateFire)

    def start(self, images: int, constant: Array | None) -> NeuronState:
        """Return the state before the first step."""
        positions, channels = grid(self.layer.shape)
        shape = (images, self.tiling.positions, self.tiling.width)
        steady = np.zeros((1, 1, channels), np.float32)
        if constant is not None:
            steady = constant.reshape(len(constant), positions, channels)
        return NeuronState(
            potential=np.broadcast_to(self.initial, shape).copy(),
            blocked=np.zeros(shape if self.refractory else (0, 0, 0), np.int32),
            counts=np.zeros(shape if self.fires else (0, 0, 0), np.int32),
            constant=self.tiling.spread(steady, 0),
        )

    def counted(self, state: NeuronState) -> Array:
        """Return the spikes so far: (images, units)."""
        return self.tiling.collected(state.counts)

    def advance(self, state: NeuronState, chunk: Chunk, trace: bool, team: Team) -> tuple[Emitted, Array, str]:
        """Run through the steps of a chunk; return what was emitted, V after each step, and in which way.

        V is (images, steps, positions, channels), empty unless ``trace`` asks for it.
        """
        positions, channels = grid(self.layer.shape)
        shape = (chunk.images, chunk.steps, positions)
        of_masks = (*shape, words(channels)) if self.fires else (*shape[:2], 0, 0)
        masks = chunk.memory.take(self.layer.name, of_masks, np.uint64)
        potentials = np.empty((*shape, channels), np.float32) if trace else NOTHING
        if self.packed is None:
            way, driven = "dense", self._driven(chunk)
        else:
            events = [chunk.events_of(view) for view in self.packed.views]
            way = self.choice.way(events)
            driven = self.choice.currents(events, (*shape, channels)) if way == "dense" else None
        if driven is None:
            self._gather(self.packed, events, state, masks, potentials, team)
        else:
            self._scan(driven, state, masks, potentials)
        return Emitted(self.layer.shape, masks, self.layer.amplitude), potentials, way

    def _gather(
        self, packed: Packed, events: Sequence[Events], state: NeuronState, masks: Array, trace: Array, team: Team
    ) -> None:
        from snntk_event.kernels.layer import run_layer

        tiles, table, neuron = self.tiling, packed.table(events), self._neuron(state)
        seconds = self.choice.seconds(events) + masks.shape[1] * state.potential.size * SCAN

        def work(stretch: Stretch) -> None:
            run_layer(table, packed.block, *neuron, masks, trace, tiles.channels, *stretch, tiles.places)

        team.spread(work, len(masks), tiles.positions, seconds)

    def _driven(self, chunk: Chunk) -> Array:
        """Return the current of spikes as the core's ops compute it: (images, steps, positions, channels)."""
        sources = {name: chunk.values_of(name) for name in self.layer.sources}
        driven = np.ascontiguousarray(self.currents.driven(self.layer.current, sources), np.float32)
        return driven.reshape(chunk.images, chunk.steps, *grid(self.layer.shape))

    def _scan(self, driven: Array, state: NeuronState, masks: Array, trace: Array) -> None:
        from snntk_event.kernels.layer import scan_currents

        tiles = self.tiling
        scan_currents(
            driven, *self._neuron(state), masks, trace, tiles.channels, 0, len(driven), 0, tiles.positions, tiles.places
        )

    def _neuron(self, state: NeuronState) -> tuple[object, ...]:
        rule = (state.constant, self.threshold, self.keep, self.reset_zero, self.refractory)
        return *rule, state.potential, state.blocked, state.counts


def neurons(layer: Layer, currents: Currents, way: Way) -> Neurons:
    """Return a layer made ready to run."""
    from snntk_event.kernels.layer import block_size

    op, tiling = layer.op, tiled(layer.shape)
    terms = None if tiling is None else widened_terms(layer.terms or (), tiling)
    if tiling is None or terms is None:
        tiling, terms = alone(layer.shape, block_size(layer.shape[-1])), layer.terms or ()
    packed = None if layer.terms is None else pack(terms, tiling.width)
    chosen = choice(layer.terms, grid(layer.shape)[0], way)
    if not isinstance(op, IntegrateFire):
        threshold, initial = np.full((1, tiling.width), np.inf, np.float32), np.zeros((1, tiling.width), np.float32)
        return Neurons(layer, currents, packed, chosen, tiling, threshold, initial, np.float32(1), False, 0)
    return Neurons(
        layer,
        currents,
        packed,
        chosen,
        tiling,
        tiling.spread(per_channel(op.threshold, layer.shape)[None], np.inf)[0],
        tiling.spread(per_channel(op.initial_potential, layer.shape)[None], 0)[0],
        np.float32(1 - op.leak),
        op.reset == "zero",
        op.refractory,
    )
