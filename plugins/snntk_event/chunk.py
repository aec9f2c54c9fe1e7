"""What all layers made in one chunk of images and steps: spikes as masks, as events, and as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from snntk_core import Array
from snntk_event.memory import Memory
from snntk_event.packing import Events
from snntk_event.placement import grid
from snntk_event.synapses import View
from snntk_event.tiling import Tiling


@dataclass(eq=False)
class Emitted:
    """What a layer emitted.

    ``written``: its spikes, as masks (images, steps, positions, words), or as trains, see `kernels.trains`, where
    ``as_trains`` says so.  ``amplitude``: (1 or positions, channels), what a spike carries; None where ``values``
    (images, steps, *shape) says what each carries.  ``tiling``: how its neurons lie in trains.  ``memory`` holds masks
    made of trains, and trains of masks, for the layer called ``name``.
    """

    shape: tuple[int, ...]
    steps: int
    written: Array
    amplitude: Array | None
    tiling: Tiling
    as_trains: bool = False
    values: Array | None = None
    name: str = ""
    memory: Memory = field(default_factory=Memory)

    @property
    def mask_words(self) -> int:
        """How many words its masks have."""
        positions, channels = grid(self.shape)
        return len(self.written) * self.steps * positions * words(channels)

    @cached_property
    def masks(self) -> Array:
        """The spikes as masks."""
        from snntk_event.kernels.trains import to_masks

        if not self.as_trains:
            return self.written
        positions, channels = grid(self.shape)
        shape = (len(self.written), self.steps, positions, words(channels))
        masks = self.memory.take((self.name, "masks of trains"), shape, np.uint64)
        to_masks(self.written, self.tiling.places, masks)
        return masks

    @cached_property
    def trains(self) -> Array:
        """The spikes as trains."""
        from snntk_event.kernels.trains import from_masks

        if self.as_trains:
            return self.written
        shape = shape_of_trains(self.tiling, *self.written.shape[:2])
        trains = self.memory.take((self.name, "trains of masks"), shape, np.uint64)
        from_masks(self.written, self.tiling.places, trains)
        return trains

    @cached_property
    def spikes(self) -> int:
        """How many there are."""
        from snntk_event.kernels.compact import set_bits_of
        from snntk_event.kernels.trains import spikes_of_trains

        return int(spikes_of_trains(self.written, self.steps) if self.as_trains else set_bits_of(self.written))

    @cached_property
    def patterns(self) -> Array:
        """Which units spike in each pattern of steps, see `kernels.patterns`."""
        from snntk_event.kernels.patterns import find_patterns
        from snntk_event.kernels.terms import PATTERNS

        images, steps, *rest = self.masks.shape
        shape = (images, -(-steps // 4) * PATTERNS, *rest)
        found = self.memory.take((self.name, "patterns"), shape, np.uint64)
        find_patterns(self.masks, found)
        return found

    @cached_property
    def in_any_step(self) -> int:
        """How many units spike in any of four steps, all fours together."""
        from snntk_event.kernels.patterns import in_any_step

        steps_second = self.written.transpose(0, 3, 1, 2) if self.as_trains else self.written
        return int(in_any_step(steps_second, self.steps))


def shape_of_trains(tiling: Tiling, images: int, steps: int) -> tuple[int, int, int, int]:
    """Return the shape of trains, the steps filled up to whole groups of them."""
    from snntk_event.kernels.terms import STEPS

    return images, tiling.positions, -(-tiling.width // 64), -(-steps // STEPS) * STEPS


@dataclass(eq=False)
class Chunk:
    """A chunk: ``images`` samples, ``steps`` steps, the first of which is step ``begin`` of the run, counted from 0.

    ``memory`` holds its masks and events, which last until the next chunk.
    """

    images: int
    steps: int
    begin: int
    emitted: dict[str, Emitted] = field(default_factory=dict)
    events: dict[tuple[View, bool], Events] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)

    def events_of(self, view: View, patterns: bool = False) -> Events:
        """Return the events of a view, or of its patterns of steps, found once."""
        found = self.events.get((view, patterns))
        if found is None:
            found = self.events[view, patterns] = _compacted(view, self.emitted[view.source], self.memory, patterns)
        return found

    def values_of(self, name: str) -> Array:
        """Return what the units of a spiking node emitted, steps folded into the batch: (images * steps, *shape)."""
        from snntk_event.kernels.unpack import unpack

        source = self.emitted[name]
        if source.values is not None:
            return source.values.reshape(-1, *source.shape)
        values = np.empty((self.images, self.steps, *grid(source.shape)), np.float32)
        unpack(source.masks, source.amplitude, values)
        return values.reshape(-1, *source.shape)

    def forget(self, names: frozenset[str]) -> None:
        """Drop what nobody reads any more."""
        for name in names:
            self.emitted.pop(name, None)
        for key in [key for key in self.events if key[0].source in names]:
            del self.events[key]


def _compacted(view: View, emitted: Emitted, memory: Memory, patterns: bool) -> Events:
    from snntk_event.kernels.compact import SPARE, Listing, list_events, listing

    def how() -> Listing:
        positions = np.arange(view.positions + 1, dtype=np.int32)
        if view.map_starts is None:
            return listing(positions, positions, 0, view.channels)
        return listing(view.map_starts, view.map_positions, view.first, view.channels)

    def room() -> Array:
        return memory.take((view, patterns, "starts"), (*masks.shape[:2], view.positions + 1), np.int32)

    masks, found = emitted.patterns if patterns else emitted.masks, memory.keep((view, "listing"), how)
    spikes = emitted.in_any_step if patterns else emitted.spikes
    entries = memory.at_least((view, patterns, "entries"), spikes * found.taps + SPARE, np.int32)
    starts = memory.keep((view, patterns, "starts", masks.shape[:2]), room)
    list_events(masks, found, entries, starts)
    return entries, starts


def words(channels: int) -> int:
    """Return how many mask words hold the channels of a position."""
    return -(-channels // 64)
