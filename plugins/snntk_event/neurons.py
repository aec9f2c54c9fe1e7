"""Layers of neurons and readouts, made ready to run chunk after chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snntk_core import Array, IntegrateFire
from snntk_core.shapes import Shape
from snntk_event.choice import Choice, Way, choice
from snntk_event.chunk import Chunk, Emitted, shape_of_trains, words
from snntk_event.currents import Currents
from snntk_event.lowering import Layer, per_channel
from snntk_event.memory import Memory
from snntk_event.packing import Packed, pack
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
class Out:
    """What a chunk is written to: (images, steps, ...) masks and potentials, and trains; empty what is not wanted."""

    masks: Array
    trains: Array
    trace: Array


@dataclass(frozen=True, eq=False)
class Neurons:
    """A layer of `IntegrateFire` neurons, or a `Readout`, which is one that never fires.

    ``packed``: its terms, None where only the core's ops compute it.  ``choice``: how a chunk is computed.  ``tiling``:
    how its positions lie in the arrays of the state.  ``as_trains``: whether its spikes are written as trains, because
    those who read them usually count them as bytes.
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
    as_trains: bool = False

    @property
    def fires(self) -> bool:
        """Whether it is no readout."""
        return isinstance(self.layer.op, IntegrateFire)

    def start(self, images: int, constant: Array | None, memory: Memory) -> NeuronState:
        """Return the state before the first step, in ``memory``."""
        positions, channels = grid(self.layer.shape)
        shape = (images, self.tiling.positions, self.tiling.width)
        steady = np.zeros((1, 1, channels), np.float32)
        if constant is not None:
            steady = constant.reshape(len(constant), positions, channels)

        def filled(part: str, shape: Shape, dtype: Any, value: Array | int) -> Array:
            array = memory.take((self.layer.name, part), shape, dtype)
            array[...] = value
            return array

        return NeuronState(
            potential=filled("potential", shape, np.float32, self.initial),
            blocked=filled("blocked", shape if self.refractory else (0, 0, 0), np.int32, 0),
            counts=filled("counts", shape if self.fires else (0, 0, 0), np.int32, 0),
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
        shape = (chunk.images, chunk.steps, positions, channels)
        out = self._out(chunk, np.empty(shape, np.float32) if trace else NOTHING)
        sources = [] if self.packed is None else [chunk.emitted[view.source] for view in self.packed.views]
        steps, spikes = chunk.images * chunk.steps, [emitted.spikes for emitted in sources]
        way = "dense" if self.packed is None else self.choice.way(spikes, steps)
        if self.packed is None:
            self._scan(self._driven(chunk), state, out)
        elif way == "dense":
            events = [chunk.events_of(view) for view in self.packed.views]
            self._scan(self.choice.currents(events, shape), state, out)
        else:
            seconds = self.choice.seconds(spikes, steps).get(way, 0) + steps * state.potential[0].size * SCAN
            if way == "bytes":
                products = self.choice.products.table([emitted.trains for emitted in sources])
                self._run(products[:0], products, state, out, team, seconds)
            else:
                table = self.packed.table([chunk.events_of(view) for view in self.packed.views])
                self._run(table, table[:0], state, out, team, seconds)
        written = out.trains if self.as_trains else out.masks
        emitted = Emitted(
            self.layer.shape, chunk.steps, written, self.layer.amplitude, self.tiling, as_trains=self.as_trains
        )
        return emitted, out.trace, way

    def _out(self, chunk: Chunk, trace: Array) -> Out:
        """Return what a chunk is written to: trains or masks, or neither for a readout."""
        positions, channels = grid(self.layer.shape)
        masks, trains = (chunk.images, chunk.steps, 0, 0), (0, 0, 0, 0)
        if self.as_trains:
            trains = shape_of_trains(self.tiling, chunk.images, chunk.steps)
        elif self.fires:
            masks = (chunk.images, chunk.steps, positions, words(channels))
        name = self.layer.name
        return Out(
            chunk.memory.take((name, "masks"), masks, np.uint64),
            chunk.memory.take((name, "trains"), trains, np.uint64),
            trace,
        )

    def _run(self, terms: Array, products: Array, state: NeuronState, out: Out, team: Team, seconds: float) -> None:
        """Add up tables of terms and step the neurons."""
        from snntk_event.kernels.layer import run_layer

        tiles, neuron, block = self.tiling, self._neuron(state), self.packed.block

        def work(stretch: Stretch) -> None:
            run_layer(
                terms, block, *neuron, out.masks, out.trace, tiles.channels, *stretch, tiles.places, products,
                out.trains,
            )  # fmt: skip

        team.spread(work, len(out.masks), tiles.positions, seconds)

    def _driven(self, chunk: Chunk) -> Array:
        """Return the current of spikes as the core's ops compute it: (images, steps, positions, channels)."""
        sources = {name: chunk.values_of(name) for name in self.layer.sources}
        driven = np.ascontiguousarray(self.currents.driven(self.layer.current, sources), np.float32)
        return driven.reshape(chunk.images, chunk.steps, *grid(self.layer.shape))

    def _scan(self, driven: Array, state: NeuronState, out: Out) -> None:
        from snntk_event.kernels.layer import scan_currents

        tiles = self.tiling
        stretch = (0, len(driven), 0, tiles.positions)
        scan_currents(
            driven, *self._neuron(state), out.masks, out.trace, tiles.channels, *stretch, tiles.places, out.trains
        )

    def _neuron(self, state: NeuronState) -> tuple[object, ...]:
        rule = (state.constant, self.threshold, self.keep, self.reset_zero, self.refractory)
        return *rule, state.potential, state.blocked, state.counts


def neurons(layer: Layer, currents: Currents, way: Way, tilings: Mapping[str, Tiling]) -> Neurons:
    """Return a layer made ready to run; ``tilings``: of the spiking nodes before it."""
    from snntk_event.kernels.layer import block_size

    op, tiling = layer.op, tiled(layer.shape)
    terms = None if tiling is None else widened_terms(layer.terms or (), tiling)
    if tiling is None or terms is None:
        tiling, terms = alone(layer.shape, block_size(layer.shape[-1])), layer.terms or ()
    packed = None if layer.terms is None else pack(terms, tiling.width, tiling.positions)
    chosen = choice(layer.terms or (), terms, grid(layer.shape)[0], way, tilings)
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
