"""NEST behind PyNN."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from math import log
from typing import Any, ClassVar
from uuid import uuid4

import numpy as np

from snntk_core.errors import SnntkError
from snntk_core.one_thread import keep_to_one_thread
from snntk_core.ops import Array
from snntk_pynn.backend import ALONE, FOREVER, MARGIN, Backend

AT_ONCE = 100_000  # synapses handed to NEST, which makes lists of them
MARK = "snntk-"  # what the label of the first node of a network of snntk begins with, whichever simulator made it
FIRST = 2  # PyNN's first run goes one shortest delay further than it is told


class OnNest(Backend):
    """``hop`` 1: a spike of one step arrives in the next."""

    chunk: ClassVar[int] = 8  # NEST holds twice what Brian2 does for a spike, and needs no time to start
    hop: ClassVar[int] = 1
    label: ClassVar[int] = 1

    def __init__(self) -> None:
        self.mark, self.left = "", -1.0

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Keep to ourselves what PyNN is told about the names that it uses of NEST; raises in another thread."""
        keep_to_one_thread("nest")
        quiet = "PYNEST_QUIET" in os.environ
        os.environ.setdefault("PYNEST_QUIET", "1")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            if not quiet:
                del os.environ["PYNEST_QUIET"]

    def setup(self, longest_delay: int) -> Any:
        """Reset the kernel, on a grid of steps; its first node says that the network is ours."""
        import nest

        sim = importlib.import_module("pyNN.nest")
        if nest.network_size and not _label().startswith(MARK):
            raise SnntkError(f"NEST holds a network of {nest.network_size} nodes that is not of snntk. {ALONE}")
        sim.setup(timestep=1.0, min_delay=1.0, max_delay=float(longest_delay), spike_precision="on_grid")
        self.mark = MARK + uuid4().hex
        nest.Create("spike_recorder", params={"label": self.mark})
        return sim

    def cell(self, sim: Any, threshold: Array, leak: float, refractory: int) -> Any:
        """Return IF_curr_delta; its capacity makes a current of one nanoampere add one."""
        tau = -1 / log(1 - leak) if leak else FOREVER
        cell = sim.IF_curr_delta(
            v_rest=0.0,
            v_reset=0.0,
            cm=tau * leak if leak else 1.0,
            tau_m=tau,
            tau_refrac=float(refractory),
            v_thresh=threshold * (1 - MARGIN),
        )
        cell.variable_map = {"v": "V_m"}  # PyNN has forgotten both of this neuron
        cell.scale_factors = {"v": 1}
        return cell

    def ready(self, population: Any) -> None:
        """Nothing is undone."""

    def synapse(self, sim: Any, delay: int, refractory: int) -> Any:
        """Return static synapses: NEST's neurons drop what arrives while they pause."""
        return sim.StaticSynapse(weight=0.0, delay=float(delay))

    def connect(self, projection: Any, before: Array, after: Array, weight: Array, delay: int) -> None:
        """Hand all arrays to NEST at once: PyNN asks NEST for its connections again after every target."""
        import nest

        first, last = (np.asarray(side.node_collection.tolist()) for side in (projection.pre, projection.post))
        for start in range(0, len(weight), AT_ONCE):
            mine = slice(start, start + AT_ONCE)
            synapse = {"synapse_model": projection.nest_synapse_model, "weight": weight[mine]}
            synapse["delay"] = np.full(len(weight[mine]), float(delay))
            nest.Connect(first[before[mine]], last[after[mine]], "one_to_one", synapse)

    def begin(self) -> int:
        """Run two steps in which nothing happens."""
        importlib.import_module("pyNN.nest").run(1.0)
        return FIRST

    def hand_over(self, source: Any, time: Array, unit: Array) -> None:
        """Give each unit the ends of these steps, by which NEST calls spikes."""
        from pyNN.parameters import Sequence

        order = np.lexsort((time, unit))
        bounds = np.searchsorted(unit[order], np.arange(source.size + 1))
        ends = (time[order] + 1).astype(np.float64)
        source.set(spike_times=[Sequence(ends[a:b]) for a, b in pairwise(bounds)])

    def play(self, sim: Any, now: int, events: Mapping[int, list[Callable[[], None]]], until: int) -> None:
        """Stop before each event: NEST's neurons cannot be changed while it runs."""
        for time in sorted(events):
            if time > now:
                sim.run(float(time - now))
                now = time
            for event in events[time]:
                event()
        if until > now:
            sim.run(float(until - now))

    def spikes(self, population: Any) -> tuple[Array, Array]:
        """Read NEST's recorder."""
        device = population.recorder._spike_detector.device
        found = device.get("events")
        device.n_events = 0
        return np.rint(found["times"]).astype(np.int64), _senders(found) - int(population.first_id)

    def potentials(self, population: Any) -> tuple[Array, Array]:
        """Read NEST's multimeter, which labels V with the end of the step."""
        device = population.recorder._multimeter.device
        found = device.get("events")
        device.n_events = 0
        time, sender = np.rint(found["times"]).astype(np.int64), _senders(found)
        order = np.lexsort((sender, time))
        values = np.asarray(found["V_m"])[order].reshape(len(np.unique(time)), population.size)
        return np.unique(time), values

    def alive(self) -> bool:
        """Whether NEST's network is ours, at the time at which we left it."""
        import nest

        return bool(self.mark) and _label() == self.mark and float(nest.biological_time) == self.left

    def remember(self) -> None:
        """Note the time."""
        import nest

        self.left = float(nest.biological_time)

    def release(self) -> None:
        """Empty the kernel if the network in it is ours, and let PyNN remove its temporary folders."""
        if not self.mark:
            return
        import nest

        importlib.import_module("pyNN.nest").end()
        if _label() == self.mark:
            nest.ResetKernel()
        self.mark = ""


def _label() -> str:
    """Return the label of NEST's first node, empty where there is none."""
    import nest

    return str(nest.NodeCollection([1]).get().get("label", "")) if nest.network_size else ""


def _senders(found: Any) -> Array:
    return np.asarray(found["senders"], np.int64)  # none at all come as floats
