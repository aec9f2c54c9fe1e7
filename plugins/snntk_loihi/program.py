"""A network on the emulator's cores: batches in, recordings out."""

from __future__ import annotations

from collections.abc import Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from snntk_core import Array, Graph, Probes, Recording, Runnable, SpikeTrain
from snntk_core.errors import DataError, SnntkError
from snntk_core.simulator import join
from snntk_core.stepped import checked_run
from snntk_core.unrolled import given, given_potentials, given_train, pooled_train, readout_potentials, recorded
from snntk_loihi.grid import grid_of
from snntk_loihi.limits import LARGEST_BIAS, UNIT
from snntk_loihi.placement import placed
from snntk_loihi.process import Emulator
from snntk_loihi.stages import Group, Key, Stage
from snntk_loihi.tables import bias, first_compartments, network_tables, spike_table


@dataclass(frozen=True, eq=False)
class Run:
    """How many samples run side by side, for how long, and what is recorded."""

    samples: int
    steps: int
    probes: Probes


class LoihiProgram(Runnable):
    """A network on cores, and the processes in which they are emulated, each for parts of a batch."""

    def __init__(self, graph: Graph, python: str, part: int, workers: int) -> None:
        self.grid, self.part = grid_of(graph), part
        on_cores = placed(self.grid)
        self.stages = [each.stage for each in on_cores]
        filled = [each for each in on_cores if each.stage.groups]  # the host's pools may have nothing before them
        self.numbers = {each.stage: number for number, each in enumerate(filled)}
        tables = [network_tables(each) for each in filled]
        self.emulators: list[Emulator] = []
        try:
            for _ in range(workers):
                self.emulators.append(Emulator(python, tables))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the processes and remove their files."""
        for emulator in self.emulators:
            emulator.close()

    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout for ``duration`` steps, from the initial state.

        Raises `DataError` for a batch that does not fit and for a duration that is no number of steps, `UnknownName`
        for a probe on a node that has no such thing, and `SnntkError` where a potential fell as low as a core can hold.
        """
        batch, steps = checked_run(self.grid.graph, batch, duration, probes)
        size = min(self.part, -(-len(batch) // len(self.emulators)))
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        idle: SimpleQueue[Emulator] = SimpleQueue()
        for emulator in self.emulators:
            idle.put(emulator)

        def recorded_of(part: Array) -> Recording:
            emulator = idle.get()
            try:
                return self._part(emulator, part, steps, probes)
            finally:
                idle.put(emulator)

        if len(self.emulators) == 1:
            return join([recorded_of(part) for part in parts])
        with ThreadPoolExecutor(len(self.emulators)) as pool:
            running = [pool.submit(recorded_of, part) for part in parts]
            try:
                return join([each.result() for each in running])
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _part(self, emulator: Emulator, batch: Array, steps: int, probes: Probes) -> Recording:
        network, run = self.grid.network, Run(len(batch), steps, probes)
        currents = network.currents(batch)
        known = [each.name for each in network.populations if given(network.graph, each.name)]
        trains = {name: given_train(network, name, batch, steps) for name in known}
        watched = [name for name in known if name in probes.potentials]
        potentials = {name: given_potentials(network, name, batch, steps) for name in watched}
        for stage in self.stages:
            if stage in self.numbers:
                answer = self._answer(emulator, stage, currents, trains, run)
                potentials |= self._potentials(stage, answer["potentials"], run)
                for group in stage.groups:
                    if not group.key[1]:
                        trains[group.key[0]] = _train(stage, group, answer["spikes"], steps)
            for pool in stage.pools:
                trains[pool] = pooled_train(network, pool, trains, len(batch), steps)
        (output,) = self.grid.graph.outputs
        readout = readout_potentials(network, output, trains, currents, steps)
        if output in probes.potentials:
            potentials[output] = readout.astype(np.float32)
        chosen = {name: _chosen(potentials[name], probes, name) for name in probes.potentials}
        return recorded(network, trains, readout, probes, chosen)

    def _answer(
        self,
        emulator: Emulator,
        stage: Stage,
        currents: Mapping[str, Array],
        trains: Mapping[str, SpikeTrain],
        run: Run,
    ) -> dict[str, Array]:
        driven = {bundle.target for bundle in stage.bundles}
        held = [self._held(group, currents, run.samples, group.key in driven) for group in stage.groups]
        answer = emulator.run(
            self.numbers[stage],
            {
                "steps": np.array(run.steps),
                "bias": np.concatenate([bias for bias, _ in held], axis=1),
                "initial": np.concatenate([initial for _, initial in held]),
                "spikes": spike_table(stage, trains),
                "watched": _marked(stage, {(name, 0) for name in run.probes.potentials}),
                "driven": _marked(stage, driven),
            },
        )
        for step, compartment in answer["cut"]:
            first = first_compartments(stage)
            name, _ = max((key for key in first if first[key] <= compartment), key=lambda key: first[key])
            raise SnntkError(
                f"loihi: in the emulator's step {step} a potential of {name} fell as low as 23 bits can say. "
                "Run fewer steps, or convert with a smaller rate.threshold."
            )
        return answer

    def _held(self, group: Group, currents: Mapping[str, Array], samples: int, driven: bool) -> tuple[Array, Array]:
        """Return the biases (samples, units) and initial potentials (units,) of a group as a core counts."""
        name, hops = group.key
        if hops:
            return np.zeros((samples, group.units), np.int32), np.zeros(group.units, np.int32)
        s, current = self.grid.scale[name], currents[name]
        if driven and np.abs(current).max() > np.ldexp(LARGEST_BIAS, -s):
            raise DataError(
                f"loihi: {name} receives a constant current of {np.abs(current).max():.3g}; beside its synapses a bias "
                f"reaches {np.ldexp(LARGEST_BIAS, -s):.3g}."
            )
        initial = np.ldexp(self.grid.network[name].initial_potential, s) * UNIT
        return bias(current, s, whole=driven), initial.astype(np.int32)

    def _potentials(self, stage: Stage, watched: Array, run: Run) -> dict[str, Array]:
        found, first = {}, 0
        for group in stage.groups:
            name, hops = group.key
            if name in run.probes.potentials and not hops:
                mine = watched[:, group.depth : group.depth + run.steps, first : first + group.units]
                found[name] = np.ldexp(mine / UNIT, -self.grid.scale[name]).astype(np.float32)
                first += group.units
        return found


def _marked(stage: Stage, keys: Container[Key]) -> Array:
    """Return which compartments of a stage belong to some groups."""
    return np.concatenate([np.full(group.units, group.key in keys) for group in stage.groups])


def _chosen(potential: Array, probes: Probes, name: str) -> Array:
    units = probes.units.get(name)
    return potential if units is None else potential[:, :, list(units)]


def _train(stage: Stage, group: Group, spikes: Array, steps: int) -> SpikeTrain:
    """Return the spikes of a group, counted from its own first step."""
    first, time = first_compartments(stage)[group.key], spikes[:, 1] - group.depth
    mine = (spikes[:, 2] >= first) & (spikes[:, 2] < first + group.units) & (time >= 1) & (time <= steps)
    return SpikeTrain(spikes[mine, 0], time[mine], spikes[mine, 2] - first)
