"""What differs between the simulators behind PyNN: how each is set up, connected, run and read.

One unit of potential is one millivolt and one step one millisecond, so that a weight is a weight, and a current of one
nanoampere into one nanofarad adds one in each step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from snntk_core.ops import Array

MARGIN = 2.0**-30
"""The share of its threshold by which a neuron fires early: a sum rounded in millivolts still reaches it."""

FOREVER = 2.0**53
"""Milliseconds: the time constant of a neuron that keeps its potential.

NEST takes ``exp(-1 / tau)`` and ``tau (1 - exp(-1 / tau))``; with this one, the first is one less its last bit, and the
second one.
"""


ALONE = "It has room for one only: run snntk in a process of its own, or call PyNN's setup() first."


class Backend(ABC):
    """One simulator behind PyNN.

    ``hop``: steps that a spike takes to the next population.  ``label``: what time PyNN gives to a spike of the step
    that begins at time 0.  ``chunk``: samples that run before their spikes are read.
    """

    chunk: ClassVar[int]
    hop: ClassVar[int]
    label: ClassVar[int]

    @abstractmethod
    def setup(self, longest_delay: int) -> Any:
        """Forget networks of snntk, set up an empty one with steps of a millisecond, and return the module of PyNN.

        Raises `SnntkError` where there is a network that snntk did not make.
        """

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Hold the simulator's own settings at ours while a network is built or runs."""
        yield

    @abstractmethod
    def cell(self, sim: Any, threshold: Array, leak: float, refractory: int) -> Any:
        """Return neurons that reset to zero."""

    @abstractmethod
    def ready(self, population: Any) -> None:
        """Finish a new population where PyNN leaves something undone."""

    @abstractmethod
    def synapse(self, sim: Any, delay: int, refractory: int) -> Any:
        """Return synapses with a delay in steps, onto neurons that pause for ``refractory`` steps."""

    @abstractmethod
    def connect(self, projection: Any, before: Array, after: Array, weight: Array, delay: int) -> None:
        """Make all synapses of a projection at once."""

    @abstractmethod
    def begin(self) -> int:
        """Start the network that was built and return the time that it has come to."""

    @abstractmethod
    def hand_over(self, source: Any, time: Array, unit: Array) -> None:
        """Let the units of a source fire in the steps that begin at these times."""

    @abstractmethod
    def play(self, sim: Any, now: int, events: Mapping[int, list[Callable[[], None]]], until: int) -> None:
        """Run from ``now`` to ``until``, carrying out the events before the steps that begin at their times."""

    @abstractmethod
    def spikes(self, population: Any) -> tuple[Array, Array]:
        """Return times and units of the spikes since the last call, and forget them."""

    @abstractmethod
    def potentials(self, population: Any) -> tuple[Array, Array]:
        """Return times (n,) and V (n, units) of the steps since the last call, and forget them.  Times as of spikes."""

    @abstractmethod
    def alive(self) -> bool:
        """Whether the network that was built last is still there, as it was left."""

    @abstractmethod
    def remember(self) -> None:
        """Note how the network is left."""

    @abstractmethod
    def release(self) -> None:
        """Empty the simulator if it holds our network."""
