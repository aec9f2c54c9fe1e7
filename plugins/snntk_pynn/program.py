"""A network compiled for PyNN: it is built once, and again where another one has taken its simulator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snntk_core import Graph, Probes, Recording, Runnable
from snntk_core.ops import Array
from snntk_core.simulator import join
from snntk_core.stepped import checked_run
from snntk_core.unrolled import (
    given,
    given_potentials,
    given_train,
    pooled_train,
    readout_potentials,
    recorded,
    unroll,
)
from snntk_pynn.backend import Backend
from snntk_pynn.network import PynnNetwork
from snntk_pynn.stages import cut


class PynnProgram(Runnable):
    """A spiking graph ready to run in PyNN."""

    def __init__(self, graph: Graph, backend: Backend) -> None:
        self.graph, self.backend = graph, backend
        self.network = unroll(graph)
        self.stages = cut(self.network)
        self.built: PynnNetwork | None = None
        self.watched: tuple[str, ...] = ()
        with backend.settings():
            self._build(())

    def close(self) -> None:
        """Let go of the network, and empty PyNN if it is the one there."""
        self.built = None
        with self.backend.settings():
            self.backend.release()

    def _build(self, watched: tuple[str, ...]) -> PynnNetwork:
        self.built = None
        made = PynnNetwork(self.backend, self.network, self.stages)
        if self.stages:
            made.build(watched)
        self.built, self.watched = made, watched
        return made

    def run(self, batch: Array, *, duration: float, probes: Probes = Probes()) -> Recording:  # noqa: B008
        """Run a batch in the model's own layout for ``duration`` steps, sample after sample, from the initial state.

        Raises `DataError` for a batch that does not fit and for a duration that is no number of steps, `UnknownName`
        for a probe on a node that has no such thing.
        """
        batch, steps = checked_run(self.graph, batch, duration, probes)
        watched = tuple(name for name in probes.potentials if name != self.graph.outputs[0])
        with self.backend.settings():
            ready = self.built is not None and self.watched == watched and (not self.stages or self.backend.alive())
            built = self.built if ready else self._build(watched)
            assert built is not None
            self.built = None  # an interrupted run leaves nothing to go on with
            size = self.backend.chunk
            starts = range(0, len(batch), size)
            parts = [self._part(built, batch[start : start + size], steps, probes) for start in starts]
            self.built = built
        return join(parts)

    def _part(self, built: PynnNetwork, batch: Array, steps: int, probes: Probes) -> Recording:
        currents = self.network.currents(batch)
        known = [found.name for found in self.network.populations if given(self.graph, found.name)]
        trains = {name: given_train(self.network, name, batch, steps) for name in known}
        watched = [name for name in known if name in probes.potentials]
        potentials = {name: given_potentials(self.network, name, batch, steps) for name in watched}
        for number, stage in enumerate(self.stages):
            for name, (train, values) in built.play(number, currents, trains, steps).items():
                trains[name], potentials[name] = train, values
            for pool in stage.pools:
                trains[pool] = pooled_train(self.network, pool, trains, len(batch), steps)
        output = self.graph.outputs[0]
        readout = potentials[output] = readout_potentials(self.network, output, trains, currents, steps)
        return recorded(self.network, trains, readout, probes, _probed(potentials, probes))


def _probed(potentials: Mapping[str, Array], probes: Probes) -> dict[str, Array]:
    found = {}
    for name in probes.potentials:
        units = probes.units.get(name)
        values = potentials[name].astype(np.float32)
        found[name] = values if units is None else values[:, :, list(units)]
    return found
