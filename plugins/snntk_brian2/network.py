"""From populations and single synapses to a Brian2 network, with copies of it side by side.

Every depth of the network has slots of its own in the schedule of a step, so a spike crosses all layers in the step in
which it is fired: there is no offset in time between this simulator and the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snntk_brian2.equations import model
from snntk_brian2.windows import Windows, windows_of_inputs
from snntk_core import Array, IntegrateFire, PoissonSpikes, Readout, SpikingMaxPool
from snntk_core.unrolled import Population, Projection, Unrolled


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable of a group or of synapses, and its values before the first step."""

    owner: Any
    name: str
    initial: Array

    def reset(self) -> None:
        """Set the values before the first step."""
        self.owner.variables[self.name].set_value(self.initial)


@dataclass(frozen=True, eq=False)
class Built:
    """A Brian2 network of ``copies`` of a network, one after the other in each group.

    ``groups``: by the name of the population.  ``spikes``: a monitor of every spiking population.  ``readout``: that of
    the output's potential.  ``state``: everything that changes in a run.  ``given``: of populations whose spikes are
    given, the `TimedArray` that holds them, where there is one.
    """

    brian2: Any
    network: Any
    clock: Any
    copies: int
    groups: Mapping[str, Any]
    spikes: Mapping[str, Any]
    readout: Any
    state: tuple[Variable, ...]
    given: Mapping[str, Any]

    def potential(self, number: int, name: str, units: Sequence[int] | None) -> Any:
        """Return a new monitor of the potentials of some units of a population, or of all, in every copy."""
        group = self.groups[name]
        count = len(group) // self.copies
        chosen = np.arange(count) if units is None else units
        record = (np.arange(self.copies)[:, None] * count + chosen).reshape(-1)
        return _monitor(self.brian2, group, record, self.clock, f"potential_{number}")


@dataclass(eq=False)
class Builder:
    """A Brian2 network under construction; ``steps``: how long it will run, 0 where that is not known."""

    brian2: Any
    unrolled: Unrolled
    copies: int
    clock: Any
    steps: int
    parts: list[Any] = field(default_factory=list)
    groups: dict[str, Any] = field(default_factory=dict)
    spikes: dict[str, Any] = field(default_factory=dict)
    state: list[Variable] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)

    def add(self, number: int, population: Population) -> None:
        """Add the units of a population, and a monitor where they spike."""
        if isinstance(population.op, PoissonSpikes):
            self._give(number, population)
        else:
            self._make(number, population)
        group = self.groups[population.name]
        self.parts.append(group)
        if not isinstance(population.op, Readout):
            when = f"thresholds_{population.depth}"
            monitor = self.brian2.SpikeMonitor(group, when=when, order=1, name=f"spikes_{number}")
            self.spikes[population.name] = monitor
            self.parts.append(monitor)

    def _give(self, number: int, population: Population) -> None:
        """Add units whose spikes are given before a run: as lists, or as an array for a program that is compiled."""
        size, name, when = population.units * self.copies, f"population_{number}", f"thresholds_{population.depth}"
        if not self.steps:
            self.groups[population.name] = self.brian2.SpikeGeneratorGroup(
                size, [], [] * self.brian2.second, clock=self.clock, when=when, name=name
            )
            return
        fired = self.brian2.TimedArray(np.zeros((self.steps, size)), dt=self.clock.dt, name=f"given_{number}")
        group = self.brian2.NeuronGroup(
            size, "", threshold="fired(t, i) > 0", clock=self.clock, name=name, namespace={"fired": fired}
        )
        group.thresholder["spike"].when = when
        self.groups[population.name], self.given[population.name] = group, fired

    def _make(self, number: int, population: Population) -> None:
        made = model(population.op)
        firing: dict[str, Any] = {"threshold": made.threshold, "reset": made.reset} if made.threshold else {}
        if made.rest:
            firing["refractory"] = made.rest * self.clock.dt
        size, name = population.units * self.copies, f"population_{number}"
        group = self.brian2.NeuronGroup(
            size, made.equations, method="euler", clock=self.clock, name=name, namespace={}, **firing
        )
        self.groups[population.name] = group
        self._set_values(group, population)
        if made.threshold:
            group.thresholder["spike"].when = f"thresholds_{population.depth}"
            group.resetter["spike"].when = f"resets_{population.depth}"

    def _set_values(self, group: Any, population: Population) -> None:
        op = population.op
        if isinstance(op, SpikingMaxPool):
            self._keep(group, "hits", np.zeros(len(group)))
            return
        neurons = isinstance(op, IntegrateFire)
        initial = population.initial_potential if neurons else np.zeros(population.units)
        self._keep(group, "v", np.tile(initial, self.copies))
        if isinstance(op, IntegrateFire):
            group.threshold = np.tile(population.threshold, self.copies) * self.brian2.volt
            if op.leak:
                group.leak = op.leak
            if op.refractory:
                long_ago = -2.0 * (op.refractory + 1) * float(self.clock.dt)
                self._keep(group, "lastspike", np.full(len(group), long_ago))
                self._keep(group, "not_refractory", np.ones(len(group), bool))

    def connect(self, number: int, projection: Projection) -> None:
        """Add the synapses from one population to another."""
        source, target = (self.unrolled[name] for name in (projection.source, projection.target))
        before, after = projection.before, projection.after
        windows = windows_of_inputs(target) if isinstance(target.op, SpikingMaxPool) else None
        places = np.zeros(0)
        if windows is not None:
            synapse, after, places = windows.reached(after)
            before = before[synapse]
        if not len(before):
            return
        made, name = model(target.op), f"projection_{number}"
        synapses = self.brian2.Synapses(
            self.groups[source.name], self.groups[target.name], made.synapse, on_pre=made.received,
            delay=0 * self.brian2.second, clock=self.clock, name=name, namespace={},
        )  # fmt: skip
        synapses.connect(i=_tiled(before, source.units, self.copies), j=_tiled(after, target.units, self.copies))
        synapses.pre.when = f"synapses_{source.depth}"
        self.parts.append(synapses)
        if windows is None:
            synapses.w = np.tile(projection.weight, self.copies) * self.brian2.volt
        else:
            self._count(synapses, target, windows, places)

    def _count(self, synapses: Any, pool: Population, windows: Windows, places: Array) -> None:
        """Set what the synapses of a pool and its units count from."""
        assert isinstance(pool.op, SpikingMaxPool)
        group, largest = self.groups[pool.name], np.zeros(pool.units)
        if pool.op.rule == "gate":
            synapses.taps = windows.taps
            self._keep(synapses, "rank", np.tile(windows.taps - 1.0 - places, self.copies))
            largest = windows.taps - 1.0 - windows.first
        else:
            self._keep(synapses, "count", np.zeros(len(places) * self.copies))
        self._keep(group, "largest", np.tile(largest, self.copies))

    def _keep(self, owner: Any, name: str, initial: Array) -> None:
        found = Variable(owner, name, initial)
        found.reset()
        self.state.append(found)

    def done(self) -> Built:
        """Return the network with its schedule."""
        output = self.unrolled.graph.outputs[0]
        readout = _monitor(self.brian2, self.groups[output], True, self.clock, "readout")
        network = self.brian2.Network(*self.parts, readout)
        depths = range(1 + max(population.depth for population in self.unrolled.populations))
        slots = [f"{part}_{depth}" for depth in depths for part in ("thresholds", "synapses", "resets")]
        network.schedule = ["start", "groups", *slots, "end"]
        for part in network.sorted_objects:
            part._network = network.id  # Brian2 says so in its first run, and warns of what is let go without one
        return Built(
            self.brian2, network, self.clock, self.copies, self.groups, self.spikes, readout, tuple(self.state),
            self.given,
        )  # fmt: skip


def build(brian2: Any, unrolled: Unrolled, copies: int, dt: float, steps: int = 0) -> Built:
    """Return ``copies`` of an unrolled network as one Brian2 network; a step lasts ``dt`` milliseconds.

    ``steps``: how long it will run, which a program that is compiled has to know.
    """
    builder = Builder(brian2, unrolled, copies, brian2.Clock(dt * brian2.ms), steps)
    for number, population in enumerate(unrolled.populations):
        builder.add(number, population)
    for number, projection in enumerate(unrolled.projections):
        builder.connect(number, projection)
    return builder.done()


def _monitor(brian2: Any, group: Any, record: Any, clock: Any, name: str) -> Any:
    """Return a monitor of potentials after the last reset of a step."""
    return brian2.StateMonitor(group, "v", record=record, clock=clock, when="end", name=name)


def _tiled(index: Array, units: int, copies: int) -> Array:
    """Return ``index`` into each copy of ``units`` units."""
    return (np.arange(copies, dtype=np.int32)[:, None] * units + index.astype(np.int32)).reshape(-1)
