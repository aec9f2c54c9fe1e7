"""What an engine is to the benchmark."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import ClassVar

from snntk_core import Array, Graph


@dataclass(frozen=True, eq=False)
class Answer:
    """What a run gave.  ``scores``: (batch, outputs), the mean current into the readout.

    ``spikes``: of every layer of neurons, in order (layers, batch); None where nobody asked.  ``facts``: what else an
    engine says of itself.
    """

    scores: Array
    spikes: Array | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


Run = Callable[[Array, int], Answer]
"""Runs samples in the model's own layout for a number of steps, from rest."""


@dataclass(frozen=True)
class Engine(ABC):
    """An engine.  ``needs``: modules without which it is left out.  ``devices``: where it runs.

    ``resets_to_zero``: its neuron forgets what lies above the threshold, so it is compared with such a network.
    ``most``: samples that it is asked to run at most, for what is very slow.  ``only``: networks that it is for.
    """

    title: str
    needs: ClassVar[tuple[str, ...]] = ()
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    resets_to_zero: ClassVar[bool] = False
    most: ClassVar[int] = 1 << 30
    only: ClassVar[tuple[str, ...]] = ()
    spikes: ClassVar[bool] = True

    @abstractmethod
    def prepare(self, graph: Graph, device: str, threads: int, counting: bool) -> Run:
        """Return the network ready to run; ``counting``: also return how many spikes each layer fires."""

    def missing(self) -> tuple[str, ...]:
        """Return the modules that are not installed."""
        return tuple(module for module in self.needs if find_spec(module) is None)
