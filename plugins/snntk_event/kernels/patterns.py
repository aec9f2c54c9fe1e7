"""Steps taken four at a time: a weight row is added once for all of those in which its input spikes.

Inputs that fire often do so in several of four steps, and always in one of 15 patterns.  The rows of each pattern are
summed once, and the sum goes into every step of the pattern: as many additions as there are inputs that fire in any of
the four steps.  Steps a quarter of the chunk apart are taken together: few neurons fire twice in a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from snntk_event.kernels.compiled import compiled
from snntk_event.kernels.gather import sum_floats, sum_pairs
from snntk_event.kernels.pointers import set_bits
from snntk_event.kernels.terms import BLOCKS, FIRST_BLOCK, FLUSH, GATHER_INTEGERS, KIND, PATTERNS, ROWS, SCALE, WEIGHTS
from snntk_event.kernels.vectors import add, as_floats, joined, lane_count, load, mul, store, zeros_like


@compiled
def find_patterns(masks: Any, found: Any) -> None:
    """Write which units spike in each pattern of steps.

    ``masks``: (images, steps, positions, words).  ``found``: (images, quarter * 15, positions, words): first the
    patterns 1 to 15 of steps 0, quarter, 2 quarter and 3 quarter, the lowest bit the first of them, then those of the
    steps after these.
    """
    images, steps, positions, words = masks.shape
    quarter, count = found.shape[1] // PATTERNS, positions * words
    silent = np.zeros(count, np.uint64)
    for image in range(images):
        for first in range(quarter):
            a, b, c, d = silent, silent, silent, silent
            a = masks[image, first].reshape(count)
            if first + quarter < steps:
                b = masks[image, first + quarter].reshape(count)
            if first + 2 * quarter < steps:
                c = masks[image, first + 2 * quarter].reshape(count)
            if first + 3 * quarter < steps:
                d = masks[image, first + 3 * quarter].reshape(count)
            for pattern in range(1, PATTERNS + 1):
                _all_of(
                    a, b, c, d, _unless(pattern & 1), _unless(pattern & 2), _unless(pattern & 4), _unless(pattern & 8),
                    found[image, first * PATTERNS + pattern - 1].reshape(count),
                )  # fmt: skip


@njit
def _unless(bit: Any) -> Any:
    return np.uint64(0) if bit else ~np.uint64(0)


@njit
def _all_of(a: Any, b: Any, c: Any, d: Any, i: Any, j: Any, k: Any, m: Any, found: Any) -> None:
    for word in range(found.size):
        found[word] = (a[word] ^ i) & (b[word] ^ j) & (c[word] ^ k) & (d[word] ^ m)


@compiled
def in_any_step(masks: Any, steps: Any) -> Any:
    """Return how many units spike in any of four steps, all fours together; ``masks``: (images, steps or more, ...)."""
    quarter = -(-steps // 4)
    total = np.int64(0)
    for image in range(masks.shape[0]):
        for first in range(quarter):
            for position in range(masks.shape[2]):
                for word in range(masks.shape[3]):
                    bits = np.uint64(0)
                    for step in range(first, steps, quarter):
                        bits |= masks[image, step, position, word]
                    total += np.int64(set_bits(bits))
    return total


@njit(forceinline=True, error_model="numpy")
def sum_patterns(terms: Any, ends: Any, block: Any, before: Any, sums: Any, like: Any, half: Any) -> None:
    """Write the currents of a block of channels into ``sums``, all steps of its lanes one after the other.

    ``ends[term, pattern]``: where the numbers of the rows begin, see `rows`.  ``before``: address of what is added, and
    the bytes from step to step; 0 for nothing.
    """
    lanes = lane_count(like)
    row, quarter = 4 * lanes, (ends.shape[1] - 1) // PATTERNS
    for first in range(quarter):
        a = zeros_like(np.float32(0), like)
        b, c, d = a, a, a
        if before[0]:
            at = before[0] + first * before[1]
            a, b = load(at, like), load(at + quarter * before[1], like)
            c, d = load(at + 2 * quarter * before[1], like), load(at + 3 * quarter * before[1], like)
        for index in range(len(terms)):
            inside = block - terms[index, FIRST_BLOCK]
            if inside < 0 or inside >= terms[index, BLOCKS]:
                continue
            weights = inside * terms[index, ROWS] * lanes
            if terms[index, KIND] == GATHER_INTEGERS:
                weights += terms[index, WEIGHTS]
                i = zeros_like(np.int32(0), joined(half, half))
                j, k, m = i, i, i
                for pattern in range(1, PATTERNS + 1):
                    at = first * PATTERNS + pattern - 1
                    if ends[index, at] == ends[index, at + 1]:
                        continue
                    found = sum_pairs(weights, ends[index, at], ends[index, at + 1], terms[index, FLUSH], half)
                    if pattern & 1:
                        i = add(i, found)
                    if pattern & 2:
                        j = add(j, found)
                    if pattern & 4:
                        k = add(k, found)
                    if pattern & 8:
                        m = add(m, found)
                scale = load(terms[index, SCALE] + inside * row, like)
                a, b = add(a, mul(scale, as_floats(i))), add(b, mul(scale, as_floats(j)))
                c, d = add(c, mul(scale, as_floats(k))), add(d, mul(scale, as_floats(m)))
            else:
                weights = terms[index, WEIGHTS] + 4 * weights
                for pattern in range(1, PATTERNS + 1):
                    at = first * PATTERNS + pattern - 1
                    if ends[index, at] == ends[index, at + 1]:
                        continue
                    rows = sum_floats(weights, ends[index, at], ends[index, at + 1], like)
                    if pattern & 1:
                        a = add(a, rows)
                    if pattern & 2:
                        b = add(b, rows)
                    if pattern & 4:
                        c = add(c, rows)
                    if pattern & 8:
                        d = add(d, rows)
        store(sums + first * row, a)
        store(sums + (first + quarter) * row, b)
        store(sums + (first + 2 * quarter) * row, c)
        store(sums + (first + 3 * quarter) * row, d)
