"""What all layers made in one chunk of images and steps: spikes as masks, as events, and as values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from snntk_core import Array
from snntk_event.memory import Memory
from snntk_event.packing import Events
from snntk_event.placement import grid
from snntk_event.synapses import View


@dataclass(frozen=True, eq=False)
class Emitted:
    """What a layer emitted.

    ``masks``: (images, steps, positions, words).  ``amplitude``: (1 or positions, channels), what a spike carries;
    None where ``values`` (images, steps, *shape) says what each carries.
    """

    shape: tuple[int, ...]
    masks: Array
    amplitude: Array | None
    values: Array | None = None


@dataclass(eq=False)
class Chunk:
    """A chunk: ``images`` samples, ``steps`` steps, the first of which is step ``begin`` of the run, counted from 0.

    ``memory`` holds its masks and events, which last until the next chunk.
    """

    images: int
    steps: int
    begin: int
    emitted: dict[str, Emitted] = field(default_factory=dict)
    events: dict[View, Events] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)

    def events_of(self, view: View) -> Events:
        """Return the events of a view, found once."""
        if view not in self.events:
            self.events[view] = _compacted(view, self.emitted[view.source].masks, self.memory)
        return self.events[view]

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
        self.events = {view: events for view, events in self.events.items() if view.source not in names}


def _compacted(view: View, masks: Array, memory: Memory) -> Events:
    from snntk_event.kernels.compact import compact, compact_view

    def room(name: str, shape: tuple[int, ...], dtype: type) -> Array:
        return memory.take((view, name), shape, dtype)

    if view.map_starts is None:
        return compact(masks, view.channels, room)
    return compact_view(masks, view.map_starts, view.map_positions, view.first, view.channels, room)


def words(channels: int) -> int:
    """Return how many mask words hold the channels of a position."""
    return -(-channels // 64)
