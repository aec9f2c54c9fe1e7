"""Every simulator that snntk finds, steps a clock and runs whole layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import snntk
from engines.rows.protocol import Answer, Engine, Run
from snntk_core import Array, Graph, Runnable
from snntk_core.connectivity import spiking_nodes
from snntk_core.stepped import EVERY_OP


@dataclass(frozen=True)
class Simulated(Engine):
    """A simulator by its name."""

    simulator: str = "numpy"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def missing(self) -> tuple[str, ...]:
        """Return the modules that the simulator lacks."""
        return snntk.Registry.discover().simulators[self.simulator].missing()

    def prepare(self, graph: Graph, device: str, threads: int, counting: bool) -> Run:
        """Return the compiled program."""
        component = snntk.Registry.discover().simulators[self.simulator]
        known = {option.name for option in component.options()}
        wanted = {"workers": threads, "device": device}
        program = component.configure({name: value for name, value in wanted.items() if name in known}).compile(graph)
        assert isinstance(program, Runnable)
        probe = snntk.Probes(potentials=graph.outputs)
        names = spiking_nodes(graph)

        def run(batch: Array, steps: int) -> Answer:
            recording = program.run(batch, duration=steps, probes=probe if counting else snntk.Probes())
            counts = np.stack([recording.spike_counts[name].sum(axis=1) for name in names]) if names else None
            scores = recording.potentials[graph.outputs[0]][:, -1] / steps if counting else recording.scores[:, -1]
            facts = {"synaptic operations": int(recording.synaptic_operations.sum()), "ways": dict(recording.ways)}
            return Answer(scores, counts, {**facts, "spikes": 0 if counts is None else int(counts.sum())})

        return run


def engines() -> tuple[Simulated, ...]:
    """Return an engine for every simulator that runs any network: those that unroll it to single neurons do not."""
    found = snntk.Registry.discover().simulators.items()
    names = sorted(component.name for _, component in found if component.capabilities == EVERY_OP)
    return tuple(Simulated(f"snntk {name}", name) for name in names)
