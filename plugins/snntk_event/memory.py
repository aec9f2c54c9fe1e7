"""Memory used again: to get it from the system anew, page by page, takes small networks a third of their time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snntk_core import Array
from snntk_core.shapes import Shape, size


@dataclass(eq=False)
class Memory:
    """Arrays by key, for one part of a batch at a time: each is overwritten when its key is taken again."""

    rooms: dict[object, Array] = field(default_factory=dict)

    def take(self, key: object, shape: Shape, dtype: Any) -> Array:
        """Return an array that holds anything, contiguous; whatever had this ``key`` before is lost."""
        needed = size(shape) * np.dtype(dtype).itemsize
        room = self.rooms.get(key)
        if room is None or len(room) < needed:
            room = self.rooms[key] = np.empty(needed, np.uint8)
        return room[:needed].view(dtype).reshape(shape)
