"""Layers of neurons and readouts, made ready to run chunk after chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snntk_core import Array, Graph, IntegrateFire
from snntk_core.shapes import Shape
from snntk_event.choice import Choice, Way, choice
from snntk_event.chunk import Chunk, Emitted, shape_of_trains, words
from snntk_event.costs import SCAN
from snntk_event.currents import Currents
from snntk_event.first import First, first
from snntk_event.lowering import Layer, per_channel
from snntk_event.memory import Memory
from snntk_event.packing import Packed, pack
from snntk_event.parallel import Stretch, Team
from snntk_event.placement import grid
from snntk_event.tiling import Tiling, alone, tiled, widened_terms

NOTHING = np.zeros((0, 0, 0, 0), np.float32)

Tables = tuple[Array, Array, Array]
"""Terms whose events are of steps, terms that are counted as bytes, and terms whose events are of patterns of steps."""


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
    """What a chunk is written to: (images, steps, ...) masks, or trains; empty what is not wanted."""

    masks: Array
    trains: Array


@dataclass(frozen=True, eq=False)
class Neurons:
    """A layer of `IntegrateFire` neurons, or a `Readout`, which is one that never fires.

    ``packed``: its terms, None where only the core's ops compute it.  ``choice``: how a chunk is computed.  ``tiling``:
    how its positions lie in the arrays of the state.  ``as_trains``: whether its spikes are written as trains, because
    those who read them usually count them as bytes.  ``silent``: the steady current where no input decides it.
    ``first``: how the input makes it, where that is one product.
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
    silent: Array
    first: First | None
    as_trains: bool = False

    @cached_property
    def nothing(self) -> Array:
        """A table of no terms."""
        assert self.packed is not None
        return self.packed.rows[:0]

    @cached_property
    def fires(self) -> bool:
        """Whether it is no readout."""
        return isinstance(self.layer.op, IntegrateFire)

    def start(self, constant: Array | None, images: int, memory: Memory) -> NeuronState:
        """Return the state before the first step, in ``memory``; ``constant``: where spikes of all are no part of it.

        It is (images, wide positions, lanes); None for what it is in every run.
        """
        potential, blocked, counts = memory.keep((self.layer.name, "state", images), lambda: self._room(images, memory))
        potential[...] = self.initial
        blocked.fill(0)
        counts.fill(0)
        return NeuronState(potential, blocked, counts, self.silent if constant is None else constant)

    def _room(self, images: int, memory: Memory) -> tuple[Array, Array, Array]:
        shape, name, empty = (images, self.tiling.positions, self.tiling.width), self.layer.name, (0, 0, 0)
        return (
            memory.take((name, "potential"), shape, np.float32),
            memory.take((name, "blocked"), shape if self.refractory else empty, np.int32),
            memory.take((name, "counts"), shape if self.fires else empty, np.int32),
        )

    def count(self, state: NeuronState, counts: Array) -> None:
        """Write the spikes so far into ``counts``, (images, units)."""
        from snntk_event.kernels.patches import collect

        collect(self.tiling.of_map(state.counts), self.tiling.columns, self.tiling.channels, counts)

    def advance(self, state: NeuronState, chunk: Chunk, trace: bool, team: Team) -> tuple[Emitted, Array, str]:
        """Run through the steps of a chunk; return what was emitted, V after each step, and in which way.

        V is (images, steps, positions, channels), empty unless ``trace`` asks for it.
        """
        name, memory, steps = self.layer.name, chunk.memory, chunk.images * chunk.steps
        shape = (chunk.images, chunk.steps, *grid(self.layer.shape))
        potentials = np.empty(shape, np.float32) if trace else NOTHING
        out = memory.keep((name, "out", chunk.images, chunk.steps), lambda: self._out(chunk))
        if self.packed is None:
            way = "dense"
            self._scan(self._driven(chunk), state, out, potentials)
        else:
            sources = [chunk.emitted[view.source] for view in self.packed.views]
            way, seconds = self.choice.way(sources, steps)
            if way == "dense":
                events = [chunk.events_of(view) for view in self.packed.views]
                self._scan(self.choice.currents(events, shape), state, out, potentials)
            else:
                tables = self._tables(way, sources, chunk)
                self._run(tables, state, out, potentials, team, seconds + steps * state.potential[0].size * SCAN)
        written = out.trains if self.as_trains else out.masks
        emitted = Emitted(
            self.layer.shape,
            chunk.steps,
            written,
            self.layer.amplitude,
            self.tiling,
            self.as_trains,
            None,
            name,
            memory,
        )
        return emitted, potentials, way

    def _out(self, chunk: Chunk) -> Out:
        """Return what a chunk is written to: trains or masks, or neither for a readout."""
        positions, channels = grid(self.layer.shape)
        masks, trains = (chunk.images, chunk.steps, 0, 0), (0, 0, 0, 0)
        if self.as_trains:
            trains = shape_of_trains(self.tiling, chunk.images, chunk.steps)
        elif self.fires:
            masks = (chunk.images, chunk.steps, positions, words(channels))
        name = self.layer.name
        return Out(
            chunk.memory.take((name, "masks"), masks, np.uint64), chunk.memory.take((name, "trains"), trains, np.uint64)
        )

    def _tables(self, way: str, sources: list[Emitted], chunk: Chunk) -> Tables:
        """Return the terms in their tables."""
        packed, nothing = self.packed, self.nothing
        assert packed is not None
        if way == "constant":
            return nothing, nothing, nothing
        if way == "bytes":
            assert self.choice.products is not None
            return nothing, self.choice.products.table([emitted.trains for emitted in sources], chunk.memory), nothing
        patterns = [way == "patterns" and gathers for gathers in packed.gathers]
        table = packed.table(list(map(chunk.events_of, packed.views, patterns)), chunk.memory)
        if way == "events":
            return table, nothing, nothing
        return table[~packed.gathers], nothing, table[packed.gathers]

    def _run(self, tables: Tables, state: NeuronState, out: Out, trace: Array, team: Team, seconds: float) -> None:
        """Add up tables of terms and step the neurons."""
        from snntk_event.kernels.layer import run_layer

        assert self.packed is not None
        tiles, neuron, block = self.tiling, self._neuron(state), self.packed.block
        terms, products, patterns = tables

        def work(stretch: Stretch) -> None:
            run_layer(
                terms, block, *neuron, out.masks, trace, tiles.channels, *stretch, tiles.places, products, out.trains,
                patterns,
            )  # fmt: skip

        team.spread(work, len(state.potential), tiles.positions, seconds)

    def _driven(self, chunk: Chunk) -> Array:
        """Return the current of spikes as the core's ops compute it: (images, steps, positions, channels)."""
        sources = {name: chunk.values_of(name) for name in self.layer.sources}
        driven = np.ascontiguousarray(self.currents.driven(self.layer.current, sources), np.float32)
        return driven.reshape(chunk.images, chunk.steps, *grid(self.layer.shape))

    def _scan(self, driven: Array, state: NeuronState, out: Out, trace: Array) -> None:
        from snntk_event.kernels.layer import scan_currents

        tiles = self.tiling
        stretch = (0, len(driven), 0, tiles.positions)
        scan_currents(
            driven, *self._neuron(state), out.masks, trace, tiles.channels, *stretch, tiles.places, out.trains
        )

    def _neuron(self, state: NeuronState) -> tuple[object, ...]:
        rule = (state.constant, self.threshold, self.keep, self.reset_zero, self.refractory)
        return *rule, state.potential, state.blocked, state.counts


def neurons(graph: Graph, layer: Layer, currents: Currents, way: Way, tilings: Mapping[str, Tiling]) -> Neurons:
    """Return a layer made ready to run; ``tilings``: of the spiking nodes before it."""
    from snntk_event.kernels.layer import block_size

    op, tiling = layer.op, tiled(layer.shape)
    terms = None if tiling is None else widened_terms(layer.terms or (), tiling)
    if tiling is None or terms is None:
        tiling, terms = alone(layer.shape, block_size(layer.shape[-1])), layer.terms or ()
    packed = None if layer.terms is None else pack(terms, tiling.width, tiling.positions)
    fires = isinstance(op, IntegrateFire)
    return Neurons(
        layer,
        currents,
        packed,
        choice(layer.terms or (), terms, grid(layer.shape)[0], way, tilings),
        tiling,
        _lanes(tiling, op.threshold if fires else np.float32(np.inf), layer.shape, np.inf),
        _lanes(tiling, op.initial_potential if fires else np.float32(0), layer.shape, 0),
        np.float32(1 - op.leak if fires else 1),
        fires and op.reset == "zero",
        op.refractory if fires else 0,
        tiling.steady(currents.received.get(layer.name), layer.shape),
        None if layer.name in currents.received else first(graph, currents.affine, layer.name, tiling),
    )


def _lanes(tiling: Tiling, array: Array, shape: Shape, beyond: float) -> Array:
    """Return what broadcasts onto ``shape`` as (1 or wide positions, lanes), ``beyond`` in lanes of no channel."""
    return tiling.spread(per_channel(np.asarray(array), shape)[None], beyond)[0]
