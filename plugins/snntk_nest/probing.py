"""Potentials that probes ask for: of neurons through multimeters, of readouts from the spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snntk_core import Array, IntegrateFire, Probes
from snntk_nest.building import Layer, Stage
from snntk_nest.kernel import Kernel
from snntk_nest.phases import Part, Phase


@dataclass(frozen=True, eq=False)
class Multimeter:
    """A multimeter on some neurons of a population.

    ``units``: those it reads, each once and in order.  ``places``: where each unit that was asked for is among them.
    """

    node: Any
    layer: Layer
    units: Array
    places: Array

    def potentials(self, phase: Phase, samples: int) -> Array:
        """Return V after every step as the probes ask for it: (samples, steps, units), float32."""
        population = self.layer.population
        found = phase.potentials(self.layer, self.node, samples, self.units)
        assert isinstance(population.op, IntegrateFire)
        if population.op.reset == "subtract":  # NEST subtracts at the beginning of the next step
            threshold = population.threshold[self.units]
            found -= threshold * (found >= threshold)
        return found[:, :, self.places].astype(np.float32)


@dataclass(frozen=True, eq=False)
class Multimeters:
    """The multimeters of a run, by population."""

    by_name: Mapping[str, Multimeter]

    @property
    def count(self) -> int:
        """How many neurons they read."""
        return sum(len(multimeter.units) for multimeter in self.by_name.values())

    @classmethod
    def connected(cls, kernel: Kernel, stages: tuple[Stage, ...], probes: Probes, delay: int) -> Multimeters:
        """Return the multimeters that probes ask for, connected."""
        found, step = {}, kernel.resolution
        layers = {layer.population.name: layer for stage in stages for layer in stage.layers}
        for name in probes.potentials:
            if name not in layers:
                continue
            asked = np.asarray(probes.units.get(name, range(layers[name].population.units)), np.int64)
            units, places = np.unique(asked, return_inverse=True)
            node = kernel.nest.Create("multimeter", params={"interval": step, "record_from": ["V_m"]})
            if len(units):
                kernel.nest.Connect(node, layers[name].neurons[units.tolist()], syn_spec={"delay": delay * step})
            found[name] = Multimeter(node, layers[name], units, places)
        return cls(found)

    def read(self, phase: Phase, stage: Stage, part: Part) -> None:
        """Keep what the multimeters of a stage recorded of a part."""
        for layer in stage.layers:
            multimeter = self.by_name.get(layer.population.name)
            if multimeter is not None:
                part.potentials[layer.population.name] = multimeter.potentials(phase, part.samples)
