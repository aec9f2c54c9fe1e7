"""Kernels that give the same and that NIR can say: zero taps and zero weights make up for what it has no words for."""

from __future__ import annotations

import numpy as np

from snntk_core.ops import Array
from snntk_core.shapes import Pairs, Shape


def symmetric(kernel: Array, pads: Pairs) -> tuple[Array, Shape]:
    """Return a kernel that gives the same with as much padding before as after: zero taps make up the difference."""
    more = tuple((max(after - before, 0), max(before - after, 0)) for before, after in pads)
    wider = np.pad(kernel, (*more, (0, 0), (0, 0)))
    return wider, tuple(max(before, after) for before, after in pads)


def ungrouped(kernel: Array, groups: int) -> Array:
    """Return a kernel of one group that gives the same: nir's check of types takes any other for a mistake."""
    if groups == 1:
        return kernel
    inner, outer = kernel.shape[-2], kernel.shape[-1] // groups
    wide = np.zeros((*kernel.shape[:-2], inner * groups, kernel.shape[-1]), kernel.dtype)
    for group in range(groups):
        own = slice(group * outer, (group + 1) * outer)
        wide[..., group * inner : (group + 1) * inner, own] = kernel[..., own]
    return wide


def square(kernel: Array, pads: Shape) -> tuple[Array, Shape]:
    """Return a kernel with as many taps on each axis that gives the same, where their numbers are both even or odd.

    nir's check of types takes the first length for the other one too.
    """
    taps = kernel.shape[:-2]
    more = [(max(taps) - own) // 2 for own in taps]
    wider = np.pad(kernel, (*((n, n) for n in more), (0, 0), (0, 0)))
    return wider, tuple(amount + n for amount, n in zip(pads, more, strict=True))
