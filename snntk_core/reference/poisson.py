"""Spikes drawn at random, the same on every simulator: a stream of numbers for each sample, whatever is beside it."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from snntk_core.graph import Graph
from snntk_core.ops import Array, PoissonSpikes, SpikeSource
from snntk_core.reference.dispatch import apply
from snntk_core.shapes import size

UNIT = 2.0**-53  # numbers in [0, 1) are multiples of it


class PoissonStream:
    """Draws the spikes of a `PoissonSpikes` for a batch, step after step.

    ``x``: what the node reads, (1 or batch, *shape).  ``samples``: the batch as the network takes it, which chooses the
    numbers.  Each sample has a Philox generator keyed by the seed and a digest of its float32 values; numpy promises
    that its raw output never changes.
    """

    def __init__(self, op: PoissonSpikes, x: Array, samples: Array) -> None:
        self.shape = x.shape[1:]
        probability = np.asarray(x, np.float64) / op.amplitude.astype(np.float32)
        self.probability = np.broadcast_to(probability, (len(samples), *self.shape)).reshape(len(samples), -1)
        self.generators = [np.random.Philox(key=_key(op.seed, sample)) for sample in samples]

    def take(self, steps: int) -> Array:
        """Return which units fire in the next ``steps`` steps: bool (batch, steps, *shape)."""
        units = size(self.shape)
        fired = np.empty((len(self.generators), steps, units), bool)
        for row, generator, probability in zip(fired, self.generators, self.probability, strict=True):
            drawn = generator.random_raw(steps * units).reshape(steps, units) >> np.uint64(11)
            np.less(drawn * UNIT, probability, out=row)
        return fired.reshape(len(fired), steps, *self.shape)


def poisson_stream(graph: Graph, name: str, samples: Array) -> PoissonStream:
    """Return the spikes of a `PoissonSpikes` node for a batch; ``samples``: in the order of the input, see `as_batch`.

    What the node reads is computed here, in float32, so that it is the same for every simulator.
    """
    op = graph[name].op
    assert isinstance(op, PoissonSpikes)
    return PoissonStream(op, _constant(graph, graph[name].inputs[0], samples.astype(np.float32)), samples)


def _constant(graph: Graph, name: str, samples: Array) -> Array:
    """Return the value of a node that no spike changes."""
    node = graph[name]
    if isinstance(node.op, SpikeSource):
        return apply(node.op, samples)
    return apply(node.op, *(_constant(graph, read, samples) for read in node.inputs))


def _key(seed: int, sample: Array) -> int:
    values = np.ascontiguousarray(sample, "<f4") + np.float32(0)  # minus zero is zero
    return int.from_bytes(
        blake2b(values.tobytes(), digest_size=16, salt=seed.to_bytes(16, "little")).digest(), "little"
    )


@apply.register
def _(op: PoissonSpikes, x: Array) -> Array:
    """What the spikes carry per step, in the limit of many steps."""
    return np.clip(x, 0, op.amplitude.astype(x.dtype))
