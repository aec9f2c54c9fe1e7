"""One node that holds state, for one part of a batch: neurons, a pool of spikes, a readout."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from snntk_core import Array, IntegrateFire, Op, PoissonSpikes, Readout, SpikingMaxPool
from snntk_core.reference import apply
from snntk_core.reference.neuron import gate, initial_state, step
from snntk_core.reference.poisson import PoissonStream

FLUSH = 255  # a byte counts no further


class Population(ABC):
    """Receives a current in every step and answers with spikes.

    After a step, ``potential`` is V and ``fired`` says which units spiked; None for what has no such thing.
    """

    potential: Array | None = None
    fired: Array | None = None

    @abstractmethod
    def advance(self, current: Array) -> Array:
        """Take the current of one step and return what is emitted, in an array that the next step may overwrite."""


class Neurons(Population):
    """`IntegrateFire`: ``V <- (1 - leak) V + I``, a spike where ``V >= threshold``, then the reset."""

    def __init__(self, op: IntegrateFire, shape: tuple[int, ...]) -> None:
        self.op, self.state = op, initial_state(op, shape, np.dtype(np.float32))
        self.potential, self.fired = self.state.potential, self.state.fired

    def advance(self, current: Array) -> Array:
        """Step every neuron."""
        step(self.op, self.state, current)
        return self.state.spikes


class Random(Population):
    """`PoissonSpikes`: drawn, whatever the current of the step."""

    def __init__(self, op: PoissonSpikes, stream: PoissonStream) -> None:
        self.stream, self.spike = stream, op.spike.astype(np.float32)

    def advance(self, current: Array) -> Array:
        """Draw the spikes of the step."""
        self.fired = self.stream.take(1)[:, 0]
        return self.fired * self.spike


class Pool(Population):
    """`SpikingMaxPool`: ``y(t) = max C(t) - max C(t - 1)``, or the gate by the first largest ``C(t)``."""

    def __init__(self, op: SpikingMaxPool, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        self.op = op
        self.total = np.zeros(before, np.float32)
        self.largest = np.zeros(after, np.float32)

    def advance(self, current: Array) -> Array:
        """Add to the totals and pass on what the rule lets through."""
        self.total += current
        if self.op.rule == "gate":
            passed = gate(self.op, self.total, np.broadcast_to(current, self.total.shape))
        else:
            largest = apply(self.op, self.total)
            passed = largest - self.largest
            self.largest = largest
        self.fired = passed != 0
        return passed


class Potential(Population):
    """`Readout`: ``V(t)``, the sum of all current so far."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.potential = np.zeros(shape, np.float32)

    def advance(self, current: Array) -> Array:
        """Add the current; what is returned is V itself."""
        self.potential += current
        return self.potential


class Counter:
    """Counts the events of a node: in bytes, flushed before they overflow to the shortest integers for ``steps``."""

    def __init__(self, shape: tuple[int, ...], steps: int) -> None:
        self.recent, self.steps = np.zeros(shape, np.uint8), 0
        self.total = np.zeros(shape, np.int16 if steps <= np.iinfo(np.int16).max else np.int32)

    def add(self, fired: Array) -> None:
        """Count where ``fired`` is true."""
        self.recent += fired.view(np.uint8)
        self.steps += 1
        if self.steps % FLUSH == 0:
            self._flush()

    def counts(self) -> Array:
        """Return the counts so far: (batch, units)."""
        self._flush()
        return self.total.reshape(len(self.total), -1)

    def _flush(self) -> None:
        self.total += self.recent
        self.recent[...] = 0


def population(op: Op, before: tuple[int, ...], after: tuple[int, ...]) -> Population:
    """Return the state of a neuron op before the first step; the shapes of its input and output include the batch."""
    if isinstance(op, IntegrateFire):
        return Neurons(op, after)
    if isinstance(op, SpikingMaxPool):
        return Pool(op, before, after)
    assert isinstance(op, Readout)
    return Potential(after)
