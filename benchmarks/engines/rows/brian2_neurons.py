"""Brian2: the unrolled network, reset by subtraction, with its numpy target, which needs no compiler.

A spike takes one step from layer to layer, so a layer runs from the step in which the first spikes can reach it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engines.rows.protocol import Answer, Engine, Run
from engines.unrolled import currents, projections
from snntk_core import Array, Graph

EQUATIONS = """
dv/dt = drive * int(t > (depth - 0.5) * ms) * int(t < (depth + steps - 0.5) * ms) / ms : 1
drive : 1
depth : 1 (shared)
steps : 1 (shared)
count : 1
"""
FIRES = "v >= 1 and t > (depth - 0.5) * ms and t < (depth + steps - 0.5) * ms"


@dataclass(frozen=True)
class Brian2(Engine):
    """Brian2 with 1 ms for a step."""

    needs: ClassVar[tuple[str, ...]] = ("brian2",)
    most: ClassVar[int] = 1
    only: ClassVar[tuple[str, ...]] = ("lenet",)

    def prepare(self, graph: Graph, device: str, threads: int, counting: bool) -> Run:
        """Return the network built."""
        import brian2 as b2

        b2.prefs.codegen.target = "numpy"
        b2.prefs.core.default_float_dtype = np.float32
        b2.defaultclock.dt = 1 * b2.ms
        links = projections(graph)
        layers, synapses = [], []
        for depth, link in enumerate(links):
            layer = b2.NeuronGroup(
                len(link.weights), EQUATIONS, threshold=FIRES, reset="v -= 1\ncount += 1", method="euler"
            )
            layer.depth = depth
            layers.append(layer)
        for before, after, link in zip(layers, layers[1:], links, strict=False):
            sources, targets = np.nonzero(link.weights)
            synapse = b2.Synapses(before, after, "w : 1", on_pre="v_post += w")
            synapse.connect(i=sources, j=targets)
            synapse.w = link.weights[sources, targets]
            after.drive = link.bias
            synapses.append(synapse)
        network = b2.Network(*layers, *synapses)
        network.store()

        def run(batch: Array, steps: int) -> Answer:
            scores, spikes = [], []
            for current in currents(graph, batch):
                network.restore()
                layers[0].drive = current
                for layer in layers:
                    layer.steps = steps
                network.run((steps + len(layers)) * b2.ms)
                scores.append(np.asarray(layers[-1].count) @ links[-1].weights / steps + links[-1].bias)
                spikes.append([float(np.asarray(layer.count).sum()) for layer in layers])
            return Answer(np.array(scores), np.array(spikes).T)

        return run


ENGINES = (Brian2("Brian2, unrolled"),)
