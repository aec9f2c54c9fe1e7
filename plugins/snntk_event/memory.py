"""Memory used again: to get it from the system anew, page by page, takes small networks a third of their time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from snntk_core import Array
from snntk_core.shapes import Shape, size

SLACK = 1.25  # of what is needed: how many spikes there are changes from chunk to chunk
MOST = 4096  # things that are kept: batches and chunks come in few sizes

Kept = TypeVar("Kept")


@dataclass(eq=False)
class Memory:
    """Arrays by key, for one part of a batch at a time: each is overwritten when its key is taken again.

    ``kept``: what was made of them and of sizes, such as views and tables, until an array has to grow.
    """

    rooms: dict[object, Array] = field(default_factory=dict)
    kept: dict[object, Any] = field(default_factory=dict)

    def take(self, key: object, shape: Shape, dtype: Any) -> Array:
        """Return an array that holds anything, contiguous; whatever had this ``key`` before is lost."""
        needed = size(shape) * np.dtype(dtype).itemsize
        return self._room(key, needed)[:needed].view(dtype).reshape(shape)

    def at_least(self, key: object, count: int, dtype: Any) -> Array:
        """Return an array of ``count`` numbers or more, the same one as before while that is large enough."""
        room = self._room(key, count * np.dtype(dtype).itemsize)
        found: Array = self.keep((key, "whole"), lambda: room[: len(room) // 8 * 8].view(dtype))
        return found

    def keep(self, key: object, make: Callable[[], Kept]) -> Kept:
        """Return what ``make`` once made for this key."""
        found: Kept | None = self.kept.get(key)
        if found is None:
            found = make()  # may take arrays, and so forget what was kept
            self.kept[key] = found
        return found

    def _room(self, key: object, needed: int) -> Array:
        room = self.rooms.get(key)
        if room is None or len(room) < needed or len(self.kept) > MOST:
            room = self.rooms[key] = np.empty(int(needed * SLACK) + 8, np.uint8)
            self.kept.clear()
        return room
