"""Writing a spiking network as a script of PyNN, for simulators and machines that are not here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from snntk_core import Artifact, Capabilities, Exportable, Graph, Issue, Simulator, option
from snntk_core.errors import Incompatible
from snntk_core.ops import IntegrateFire, PoissonSpikes, Readout, SpikeSource, SpikingMaxPool
from snntk_core.stepped import EVERY_OP, LINEAR, checked_network
from snntk_core.unrolled import unroll
from snntk_pynn.rules import (
    CURRENTS,
    input_as_current,
    neurons_without_leak,
    neurons_without_pause,
    reset_to_zero,
    starts_below_threshold,
)
from snntk_pynn.targets import TARGETS, Target
from snntk_pynn.writing import longest_delay, table_of

SCRIPT, TABLE, ARRAYS = "run.py", "network.json", "synapses.npz"
BACKEND_LINE = 'BACKEND = "pyNN.spiNNaker"\n'
SETUP_LINE = "        sim.setup(timestep=1.0, min_delay=1.0)\n"
MOST_ON_A_CORE = 255  # sPyNNaker's rows hold 256 synapses onto one core, and names of neurons have eight bits


@dataclass(frozen=True)
class PynnScript(Simulator):
    """Writes a spiking network as a script of PyNN with its arrays, for machines that have another backend.

    The script needs numpy and PyNN, takes samples and writes spikes and scores.
    """

    name: ClassVar[str] = "pynn-script"
    clock: ClassVar[Literal["stepped", "event", "none"]] = "none"
    capabilities: ClassVar[Capabilities] = Capabilities(
        ops=frozenset({*LINEAR, SpikeSource, IntegrateFire, Readout}),
        rules=(
            *EVERY_OP.rules,
            reset_to_zero,
            input_as_current,
            neurons_without_leak,
            neurons_without_pause,
            starts_below_threshold,
        ),
        remedies={
            SpikingMaxPool: "PyNN has no neuron that takes a maximum. Convert with max-to-average-pool.",
            PoissonSpikes: CURRENTS,
        },
    )

    target: Literal["nest", "neuron", "brian2", "spinnaker"] = option(
        "spinnaker", "what the script is for: it sets PyNN up for that, and chooses neurons and weights"
    )
    steps: int = option(0, "how many steps a sample runs unless the script is told; 0: what its conversion says")
    neurons_per_core: int = option(64, "how many neurons SpiNNaker puts on a core, up to 255")

    def __post_init__(self) -> None:
        if self.steps < 0 or not 1 <= self.neurons_per_core <= MOST_ON_A_CORE:
            raise ValueError(
                f"steps are counted from 0 and neurons_per_core from 1 to {MOST_ON_A_CORE}, "
                f"got {self.steps} and {self.neurons_per_core}"
            )

    def compile(self, graph: Graph) -> ScriptProgram:
        """Return the graph ready to be written.

        Raises `Incompatible` with every issue for what PyNN or the target cannot hold, and `GraphError` for a graph
        that is not valid.
        """
        graph = checked_network(self.name, self.capabilities, graph)
        target, said = TARGETS[self.target], graph.meta.get("steps", "")
        longest = longest_delay(unroll(graph))
        if target.longest_delay is not None and longest > target.longest_delay:
            problem = f"spikes pass so many neurons on another way that they wait {longest} steps on the short one."
            remedy = f"{self.target} delays by at most {target.longest_delay}: shorten the other way."
            raise Incompatible(self.name, [Issue("the network", problem, remedy)])
        steps = self.steps or (int(said) if said.isdigit() else 0)
        return ScriptProgram(graph, target, self.neurons_per_core, steps or None)


class ScriptProgram(Exportable):
    """A spiking graph that a script of PyNN can build."""

    def __init__(self, graph: Graph, target: Target, cores: int, steps: int | None) -> None:
        self.graph, self.target, self.cores, self.steps = graph, target, cores, steps

    def close(self) -> None:
        """Release nothing: there is no device."""

    def export(self, directory: Path) -> Artifact:
        """Write ``run.py``, ``network.json`` and ``synapses.npz`` and return their manifest."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        table, arrays = table_of(self.graph, self.target, self.cores, self.steps)
        (directory / SCRIPT).write_text(script_for(self.target, table["longest_delay"], table["flush"]))
        (directory / TABLE).write_text(json.dumps(table, indent=1) + "\n")
        with (directory / ARRAYS).open("wb") as file:
            np.savez_compressed(file, **arrays)
        names = (SCRIPT, TABLE, ARRAYS)
        return Artifact(
            directory, {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in names}
        )


def script_for(target: Target, delay: float, flush: float) -> str:
    """Return the text of the script for a target: the one beside this file, with the target's backend and setup."""
    text = files("snntk_pynn").joinpath("standalone.py").read_text()
    setup = target.setup.format(delay=delay, flush=flush)
    changes = {BACKEND_LINE: f'BACKEND = "{target.module}"\n', SETUP_LINE: f"        {setup}\n"}
    for old, new in changes.items():
        assert text.count(old) == 1, f"The script has no line {old!r}."
        text = text.replace(old, new)
    return text
