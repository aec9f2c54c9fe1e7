"""Brian2's C++ standalone mode: the network as a program of its own, compiled in a temporary folder.

The program is compiled in the first run, for its number of steps and the potentials it records; a later run that asks
for something else compiles anew.  Each round of samples is one call of the program, given its currents as files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from snntk_brian2.monitors import Monitors, Rounds
from snntk_brian2.network import Built, build
from snntk_core import Array, PoissonSpikes
from snntk_core.errors import SnntkError
from snntk_core.unrolled import Unrolled, given_train

Potentials = Mapping[str, tuple[int, ...] | None]


class Standalone:
    """A network written, compiled and run outside of this process."""

    def __init__(self, brian2: Any, unrolled: Unrolled, copies: int, dt: float) -> None:
        self.brian2, self.unrolled, self.copies = brian2, unrolled, copies
        self.milliseconds, self.dt = dt, float(dt * brian2.ms)
        self.project: Project | None = None

    def close(self) -> None:
        """Remove the folder."""
        if self.project is not None:
            self.project.remove()
            self.project = None

    def most_rounds(self, steps: int) -> int:
        """Return 1: the program holds one round."""
        return 1

    def run(self, batch: Array, rounds: Rounds, potentials: Potentials) -> Monitors:
        """Run a part of a batch.  ``potentials``: the populations, and the units of each, to record; None for all."""
        wanted = (rounds.steps, dict(potentials))
        if self.project is None or self.project.wanted != wanted:
            self.close()
            project = Project(self.brian2, wanted)
            try:
                project.compile(self.unrolled, self.copies, self.milliseconds)
            except BaseException:
                project.remove()
                raise
            self.project = project
        given = {
            population.name: self._given(population.name, population.units, batch, rounds)
            for population in self.unrolled.populations
            if isinstance(population.op, PoissonSpikes)
        }
        currents = self.unrolled.currents(batch)
        return self.project.run({name: rounds.placed(current)[0] for name, current in currents.items()}, given)

    def _given(self, name: str, units: int, batch: Array, rounds: Rounds) -> Array:
        """Return where the units of a population fire: (steps, copies * units)."""
        index, step = rounds.played(given_train(self.unrolled, name, batch, rounds.steps), units)
        fired = np.zeros((rounds.steps, self.copies * units))
        fired[step, index] = 1
        return fired


class Project:
    """A compiled network in a temporary folder.  ``wanted``: its steps, and the potentials that it records."""

    def __init__(self, brian2: Any, wanted: tuple[int, dict[str, tuple[int, ...] | None]]) -> None:
        from brian2.devices.cpp_standalone.device import CPPStandaloneDevice  # type: ignore[import-untyped]

        self.brian2, self.wanted = brian2, wanted
        self.device = CPPStandaloneDevice()
        self.temporary = tempfile.TemporaryDirectory(prefix="snntk_brian2_", ignore_cleanup_errors=True)
        self.folder = Path(self.temporary.name)
        self.built: Built | None = None
        self.watching: dict[str, Any] = {}

    def remove(self) -> None:
        """Remove the folder."""
        self.temporary.cleanup()

    def compile(self, unrolled: Unrolled, copies: int, dt: float) -> None:
        """Write and compile the program."""
        steps, potentials = self.wanted
        with self._active():
            self.built = built = build(self.brian2, unrolled, copies, dt, steps)
            self.watching = {
                name: built.potential(number, name, units) for number, (name, units) in enumerate(potentials.items())
            }
            built.network.add(*self.watching.values())
            built.network.run(steps * built.clock.dt, namespace={})
            self.device.build(directory=str(self.folder), run=False, with_output=False)

    def run(self, currents: Mapping[str, Array], given: Mapping[str, Array]) -> Monitors:
        """Run one round of samples with these constant currents and given spikes."""
        built = self.built
        assert built is not None
        with self._active():
            values = {
                group.drive: currents[name] * self.brian2.volt
                for name, group in built.groups.items()
                if "drive" in group.variables
            }
            values |= {built.given[name]: fired for name, fired in given.items()}
            self.device.run(with_output=False, run_args=values)
            self.device.delete(code=False, data=False, directory=False)
        return Monitors(built.spikes, built.readout, self.watching)

    @contextmanager
    def _active(self) -> Iterator[None]:
        """Let Brian2 work for the folder, and afterwards for whatever it worked for before."""
        from brian2.devices.device import reset_device, set_device  # type: ignore[import-untyped]

        set_device(self.device, build_on_run=False)
        try:
            yield
        except RuntimeError as error:
            what, _, _ = str(error).partition(" Consider")
            raise SnntkError(f"Brian2's program does not work: {what} The target 'numpy' compiles nothing.") from error
        finally:
            reset_device()
