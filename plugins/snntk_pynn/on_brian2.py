"""Brian2 behind PyNN.

Of a step, PyNN on Brian2 leaves the order to Brian2, which delivers spikes after the threshold and resets afterwards:
what arrives while a neuron fires is lost.  Here spikes arrive before the threshold, as the neuron's equation says.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snntk_core.errors import SnntkError
from snntk_core.ops import Array
from snntk_pynn.backend import ALONE, FOREVER, MARGIN, Backend
from snntk_pynn.library import brian2_settings

OURS: set[Any] = set()  # which networks of Brian2 were made here, by what Brian2 calls their id
ORDER = ["start", "groups", "synapses", "thresholds", "resets", "end"]


@dataclass(eq=False)
class Conductor:
    """What PyNN calls at the start of every step, as it calls its own sources of current."""

    events: Mapping[int, list[Callable[[], None]]]
    state: Any

    def _update_current(self) -> None:
        for event in self.events.get(round(self.state.t), ()):
            event()


class OnBrian2(Backend):
    """``hop`` 2: spikes leave at the end of a step, and the shortest delay that PyNN allows is one more."""

    chunk: ClassVar[int] = 32
    hop: ClassVar[int] = 2
    label: ClassVar[int] = 0

    def __init__(self) -> None:
        self.network: Any = None

    @property
    def _state(self) -> Any:
        return importlib.import_module("pyNN.brian2.simulator").state

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Hold Brian2's settings at ours."""
        with brian2_settings():
            yield

    def setup(self, longest_delay: int) -> Any:
        """Begin a network with spikes delivered before the threshold."""
        import brian2

        sim = importlib.import_module("pyNN.brian2")
        there = self._state.network
        if there.objects and there.id not in OURS:
            raise SnntkError(f"PyNN holds a network of Brian2 that is not of snntk. {ALONE}")
        sim.setup(timestep=1.0, min_delay=1.0, max_delay=float(longest_delay))
        self.network = self._state.network
        self.network.schedule = ORDER
        OURS.add(self.network.id)
        brian2.get_device().defaultclock = self.network.clock
        return sim

    def cell(self, sim: Any, threshold: Array, leak: float, refractory: int) -> Any:
        """Return IF_curr_delta for forward Euler: ``V + (dt / tau)(0 - V) + dt I / C``."""
        return sim.IF_curr_delta(
            v_rest=0.0,
            v_reset=0.0,
            cm=1.0,
            tau_m=1 / leak if leak else FOREVER,
            tau_refrac=refractory + 1.0 if refractory else 0.0,
            v_thresh=threshold * (1 - MARGIN),
        )

    def ready(self, population: Any) -> None:
        """Integrate by Euler's method, which is exact here; the closed form divides by what the leak is."""
        population.brian2_group.state_updater.method_choice = "euler"

    def synapse(self, sim: Any, delay: int, refractory: int) -> Any:
        """Return static synapses; those onto neurons that pause drop what arrives meanwhile."""
        synapse = sim.StaticSynapse(weight=0.0, delay=float(delay - 1))
        if refractory:
            synapse.pre = "%(syn_var)s += weight * int(not_refractory_post)"
        return synapse

    def connect(self, projection: Any, before: Array, after: Array, weight: Array, delay: int) -> None:
        """Fill the arrays of Brian2: PyNN sets one synapse at a time."""
        from brian2 import ms, mV

        (synapses,) = projection._brian2_synapses[0].values()
        synapses.connect(i=before, j=after)
        synapses.weight = weight * mV
        synapses.delay = (delay - 1) * ms
        projection._n_connections += len(before)

    def begin(self) -> int:
        """Return 0: nothing has to run first.

        Brian2 complains of objects that never ran; a network may well be compiled and never run.
        """
        for thing in self.network.objects:
            thing._network = self.network.id
        return 0

    def hand_over(self, source: Any, time: Array, unit: Array) -> None:
        """Give the times to Brian2: PyNN fails on a source of one unit."""
        from brian2 import ms

        source.brian2_group.set_spikes(unit, time * ms)

    def play(self, sim: Any, now: int, events: Mapping[int, list[Callable[[], None]]], until: int) -> None:
        """Run in one go: each call to run costs Brian2 a quarter of a second."""
        self._state.current_sources[:] = [Conductor(events, self._state)]
        sim.run(float(until - now))

    def spikes(self, population: Any) -> tuple[Array, Array]:
        """Read Brian2's monitor; PyNN's own way of clearing it leaves its count as it was."""
        monitor = population.recorder._devices["spikes"]
        time, unit = np.rint(monitor.t_ * 1e3).astype(np.int64), np.array(monitor.i)
        monitor.resize(0)
        monitor.variables["N"].set_value(0)
        return time, unit

    def potentials(self, population: Any) -> tuple[Array, Array]:
        """Read Brian2's monitor: V after the reset of each step."""
        monitor = population.recorder._devices["v"]
        time, values = np.rint(monitor.t_ * 1e3).astype(np.int64), monitor.v_.T * 1e3
        monitor.resize(0)
        return time, values

    def alive(self) -> bool:
        """Whether PyNN still holds our network."""
        return self.network is not None and self._state.network is self.network

    def remember(self) -> None:
        """Note nothing: the network itself is the mark."""

    def release(self) -> None:
        """Let PyNN forget the network if it is ours."""
        if self.alive():
            self._state.clear()
        self.network = None
