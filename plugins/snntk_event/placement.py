"""Where the channels of one map lie in another: routes that keep whole ranges of channels together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core import Array
from snntk_core.shapes import Shape, size
from snntk_event.routes import NOWHERE, Route


@dataclass(frozen=True, eq=False)
class Placement:
    """Channels ``first`` to ``first + channels`` of each position of a value are those of positions of an origin.

    ``positions``: (taps, positions of the value), flat positions of the origin or `NOWHERE`.  ``begin``: the origin's
    channel that comes first.
    """

    positions: Array
    first: int
    begin: int
    channels: int


def grid(shape: Shape) -> tuple[int, int]:
    """Return a shape as positions and channels."""
    return size(shape[:-1]), shape[-1]


def placement(route: Route, origin: Shape, shape: Shape) -> Placement | None:
    """Return how the channels of ``shape`` lie in the origin, or None where they do not stay together."""
    units = route.units.reshape(len(route.units), *grid(shape))
    valid = units >= 0
    used = np.flatnonzero(valid.any(axis=(0, 1)))
    if not len(used):
        return Placement(np.full(units.shape[:2], NOWHERE, np.int32), 0, 0, 0)
    first, channels = int(used[0]), len(used)
    here = valid[:, :, first]
    if used[-1] - first + 1 != channels or not (valid[:, :, first : first + channels] == here[..., None]).all():
        return None
    positions, begin = np.divmod(units[:, :, first], origin[-1])
    expected = units[:, :, first, None] + np.arange(channels, dtype=np.int32)
    straight = np.where(here[..., None], units[:, :, first : first + channels] == expected, True).all()
    starts = np.unique(begin[here])
    if not straight or len(starts) != 1 or starts[0] + channels > origin[-1]:
        return None
    return Placement(np.where(here, positions, NOWHERE).astype(np.int32), first, int(starts[0]), channels)


def channel_factors(route: Route, found: Placement, shape: Shape) -> Array | None:
    """Return the factor of each channel of a placement, or None where it differs from position to position."""
    factors = unit_factors(route, found, shape)
    here = np.broadcast_to((found.positions >= 0)[..., None], (*found.positions.shape, found.channels))
    spread = np.broadcast_to(factors, here.shape)
    tap, position = np.unravel_index(int(np.argmax(found.positions >= 0)), found.positions.shape)
    row = spread[tap, position]
    return np.array(row) if ((spread == row) | ~here).all() else None


def unit_factors(route: Route, found: Placement, shape: Shape) -> Array:
    """Return the factors of the channels of a placement: (1 or taps, positions, channels)."""
    factors = route.factors.reshape(len(route.factors), *grid(shape))
    return factors[:, :, found.first : found.first + found.channels]
