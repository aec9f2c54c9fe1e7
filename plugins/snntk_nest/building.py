"""A segment built in NEST: neurons, the generators that drive them, synapses, and a recorder for each population.

All generators fire in steps of their own, counted from 1 for each sample.  A population receives and answers everything
later by its offset, so its own steps are counted from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snntk_core import Array, IntegrateFire
from snntk_core.unrolled import Population, Unrolled
from snntk_nest.kernel import Kernel
from snntk_nest.neurons import kept, model_of, parameters
from snntk_nest.segments import Segment

SMALLEST = "static_synapse_hom_w_hpc"  # NEST keeps room for a thousand synapses from each neuron to its recorder


@dataclass(frozen=True, eq=False)
class Layer:
    """A population in NEST.  ``neurons``: their nodes.  ``recorder``: of their spikes.

    ``clocks``: where each sample of a part has a current of its own, a generator for each, which fires in all its
    steps.  ``drives``: the synapses from each clock, whose weights are the currents.  ``driven``: for each clock the
    unit that each of its synapses reaches; with several threads NEST lists those of each in an order of its own.
    """

    population: Population
    offset: int
    neurons: Any
    recorder: Any
    clocks: tuple[Any, ...] = ()
    drives: tuple[Any, ...] = ()
    driven: tuple[Array, ...] = ()


@dataclass(frozen=True, eq=False)
class Stage:
    """A segment in NEST.

    ``always``: a generator that fires in all steps of all samples, for currents that do not depend on the sample.
    ``start``: fires in the first step of every sample, for initial potentials.  ``silence``: takes all neurons out of
    reach after a sample and back to zero.  ``played``: the generators of each population that is played.
    """

    segment: Segment
    layers: tuple[Layer, ...]
    always: Any
    start: Any
    silence: Any
    played: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Builder:
    """Builds segments of a network into a kernel, for parts of ``part`` samples.

    ``fed``: the populations whose current differs between samples.  ``steady``: the current of the others.
    """

    kernel: Kernel
    network: Unrolled
    delay: int
    part: int
    fed: frozenset[str]
    steady: Mapping[str, Array]

    def stage(self, segment: Segment) -> Stage:
        """Return a segment built."""
        create = self.kernel.nest.Create
        always, start, silence = (create("spike_generator") for _ in range(3))
        played = {population.name: create("spike_generator", population.units) for population in segment.played}
        layers = []
        for population in segment.neurons:
            layers.append(self._layer(population, segment.offsets[population.name]))
            self._drive(layers[-1], always, start, silence)
        stage = Stage(segment, tuple(layers), always, start, silence, played)
        self._project(stage)
        return stage

    def _layer(self, population: Population, offset: int) -> Layer:
        nest, op = self.kernel.nest, population.op
        assert isinstance(op, IntegrateFire)
        neurons = nest.Create(model_of(op), population.units, parameters(population, self.kernel.resolution))
        recorder = nest.Create("spike_recorder")
        nest.Connect(neurons, recorder, syn_spec={"synapse_model": SMALLEST, "delay": self._time(self.delay)})
        if population.name not in self.fed:
            return Layer(population, offset, neurons, recorder)
        clocks = tuple(nest.Create("spike_generator", self.part))
        for clock in clocks:
            self._connect(clock, neurons, np.zeros(population.units), offset)
        drives = tuple(nest.GetConnections(source=clock) for clock in clocks)
        listed = drives if self.kernel.threads > 1 else drives[:1]  # asking is slow, and one thread has one order
        driven = tuple(np.atleast_1d(synapses.get("target")) - first(neurons) for synapses in listed)
        return Layer(population, offset, neurons, recorder, clocks, drives, driven * (len(drives) // len(listed)))

    def _drive(self, layer: Layer, always: Any, start: Any, silence: Any) -> None:
        """Connect what neurons receive in every sample alike."""
        population, op = layer.population, layer.population.op
        assert isinstance(op, IntegrateFire)
        remains = kept(op, self.kernel.resolution)
        self._connect(silence, layer.neurons, np.full(population.units, remains), layer.offset)
        self._connect(start, layer.neurons, population.initial_potential * remains, layer.offset, sparse=True)
        if population.name not in self.fed:
            self._connect(always, layer.neurons, self.steady[population.name], layer.offset, sparse=True)

    def _connect(self, generator: Any, neurons: Any, weights: Array, delay: int, sparse: bool = False) -> None:
        """Connect a generator to every neuron with a weight of its own, or if ``sparse`` where there is one."""
        reached = np.flatnonzero(weights) if sparse else np.arange(len(weights))
        self._synapses(np.full(len(reached), first(generator)), first(neurons) + reached, weights[reached], delay)

    def _project(self, stage: Stage) -> None:
        nodes = {layer.population.name: first(layer.neurons) for layer in stage.layers}
        nodes |= {name: first(generators) for name, generators in stage.played.items()}
        for projection in stage.segment.projections:
            before, after = nodes[projection.source] + projection.before, nodes[projection.target] + projection.after
            self._synapses(before, after, projection.weight, stage.segment.delay(projection))

    def _synapses(self, before: Array, after: Array, weights: Array, delay: int) -> None:
        if len(before):
            delays = np.full(len(before), self._time(delay))
            synapses = {"weight": np.asarray(weights, np.float64), "delay": delays, "synapse_model": "static_synapse"}
            self.kernel.nest.Connect(before, after, "one_to_one", synapses)

    def _time(self, steps: int) -> float:
        return steps * self.kernel.resolution


def first(nodes: Any) -> int:
    """Return the number of the first of nodes that were created at once; the others follow."""
    return int(nodes[0].global_id)
