"""``V <- (1 - leak) V + I``; a spike where ``V >= threshold``; then the reset: a block of neurons through all steps.

The potentials stay in registers.  ``at`` holds addresses, 0 for what is not there, of one position and block:
potential, blocked, counts, constant, threshold, then of its first step: mask word, trace, tile (more currents).
``strides`` holds the bytes from step to step of the last three.  ``shared``: how many positions of the map lie side by
side in the block, the lanes of each, and how many channels of the block there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from snntk_event.kernels.gather import gathered
from snntk_event.kernels.pointers import as_float32, as_uint64
from snntk_event.kernels.vectors import (
    add,
    and_,
    as_floats,
    as_integers,
    at_least,
    bits,
    chosen,
    counted,
    filled,
    lane_count,
    load,
    mul,
    store,
    sub,
    zeros_like,
)  # fmt: skip

WORD = 8  # bytes from step to step of a train; only the words of a mask of 64 channels or fewer lie as close


@njit(forceinline=True, error_model="numpy")
def _write(word: Any, fired: Any, shared: Any, stride: Any) -> None:
    """Write the bits of a block as a word of a train, or as the mask words of the positions that share it."""
    count, lanes, _ = shared
    words = as_uint64(word)
    if count == 1 or stride == WORD:
        words[0] = fired
    else:
        kept = ~np.uint64(0) >> np.uint64(64 - lanes)
        for place in range(count):
            words[place] = (fired >> np.uint64(place * lanes)) & kept


@njit(forceinline=True, error_model="numpy")
def scan_plain(terms: Any, ends: Any, block: Any, at: Any, strides: Any, shared: Any, like: Any, half: Any) -> None:
    """Step neurons without leak and refractory time, which reset by subtraction; the trace is not written."""
    potential, _, counts, constant, threshold, word, _, tile = at
    v, drive, limit = load(potential, like), load(constant, like), load(threshold, like)
    count = zeros_like(np.int32(0), like)
    for step in range(ends.shape[1] - 1):
        current = add(gathered(terms, ends, step, block, like, half), drive)
        if tile:
            current = add(current, load(tile, like))
            tile += strides[2]
        v = add(v, current)
        fired = at_least(v, limit)
        v = chosen(fired, sub(v, limit), v)
        count = counted(count, fired)
        if word:
            _write(word, bits(fired), shared, strides[0])
            word += strides[0]
    store(potential, v)
    if counts:
        store(counts, add(load(counts, count), count))


@njit(forceinline=True, error_model="numpy")
def scan_any(
    terms: Any, ends: Any, block: Any, at: Any, strides: Any, shared: Any, like: Any, half: Any, neuron: Any
) -> None:
    """Step any neurons; ``neuron``: (1 - leak, reset to zero, refractory)."""
    potential, blocked, counts, constant, threshold, word, trace, tile = at
    keep, reset_zero, refractory = neuron
    v, drive, limit = load(potential, like), load(constant, like), load(threshold, like)
    count, zero = zeros_like(np.int32(0), like), zeros_like(np.float32(0), like)
    rest = as_floats(load(blocked, count)) if blocked else zero
    scratch = np.empty(lane_count(like), np.float32)
    for step in range(ends.shape[1] - 1):
        current = add(gathered(terms, ends, step, block, like, half), drive)
        if tile:
            current = add(current, load(tile, like))
            tile += strides[2]
        free = at_least(zero, rest)
        v = chosen(free, add(mul(v, filled(keep, like)), current), v)
        fired = and_(free, at_least(v, limit))
        rest = chosen(fired, filled(refractory, like), chosen(free, zero, sub(rest, filled(np.float32(1), like))))
        v = chosen(fired, zero if reset_zero else sub(v, limit), v)
        count = counted(count, fired)
        if word:
            _write(word, bits(fired), shared, strides[0])
            word += strides[0]
        if trace:
            store(scratch.ctypes.data, v)
            for lane in range(shared[0] * shared[2]):
                as_float32(trace)[lane] = scratch[lane // shared[2] * shared[1] + lane % shared[2]]
            trace += strides[1]
    store(potential, v)
    if blocked:
        store(blocked, as_integers(rest))
    if counts:
        store(counts, add(load(counts, count), count))
