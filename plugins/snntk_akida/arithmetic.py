"""The arithmetic of Akida's first version, in integers.

A block has the potential ``P = sum(W * a)`` of the integers ``a`` that it reads, the largest of a window or the sum
over the map where it pools, and puts out ``n = clip(ceil((P - threshold) * 2^bits / steps), 0, 2^bits - 1)``, where
``steps = floor(16 * act_step)``: a step is held in sixteenths.  Source: cnn2snn, and models of Akida's library.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from snntk_akida.lowering import Block
from snntk_core import Array, Dense, GlobalAveragePool, WeightedOp, apply


def potentials(block: Block, values: Array) -> Array:
    """Return P, int64, for the integers (batch, *shape) that a block reads; its padding stands around them.

    The sums are matrix products of float64, which holds every integer of 32 bits: `lower` has bounded them.
    """
    held = values.astype(np.float64) - block.padding
    if any(isinstance(op, Dense) for op in block.ops.values()):
        held = held.reshape(len(held), -1)
    for name, op in block.ops.items():
        if isinstance(op, WeightedOp):
            weight = block.codes[name].astype(np.float64)
            bare = {"weight": weight, "bias": None}
            held = apply(replace(op, **bare), held)
            # what the padding takes off every input comes back for each unit: zeros then stand for the padding itself
            held = held + block.padding * weight.sum(axis=tuple(range(weight.ndim - 1)))
        elif isinstance(op, GlobalAveragePool):
            held = held.sum(axis=tuple(range(1, held.ndim - 1)), keepdims=op.keep_axes)
        else:
            held = apply(op, held)
    return held.astype(np.int64)


def activated(block: Block, potential: Array) -> Array:
    """Return n, int64, from 0 to ``2^bits - 1``."""
    above = (potential - block.threshold) * 2**block.bits
    return np.clip(-(-above // sixteenths(block)), 0, 2**block.bits - 1)


def sixteenths(block: Block) -> Array:
    """Return ``floor(16 * act_step)``, at least one, int64 (units,)."""
    return np.maximum(np.floor(block.act_step.astype(np.float64) * 16), 1).astype(np.int64)


def predicted(block: Block, potential: Array) -> Array:
    """Return ``(P - threshold) / act_step``, float32: what a last layer without activation puts out."""
    return ((potential - block.threshold) / block.act_step.astype(np.float64)).astype(np.float32)


def run(blocks: Sequence[Block], codes: Array) -> Iterator[tuple[Block, Array, Array | None]]:
    """Yield each block with its potentials, and what it puts out; None for a last one without activation."""
    values = codes
    for block in blocks:
        potential = potentials(block, values)
        values = activated(block, potential) if block.bits else potential
        yield block, potential, values if block.bits else None
