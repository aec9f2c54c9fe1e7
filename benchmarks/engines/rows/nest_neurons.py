"""NEST: the unrolled network of iaf_psc_delta neurons, whose reset is to zero.

A spike takes one step from layer to layer, so the bias of a layer begins when the first spikes can reach it, and every
layer is counted over its own window of steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from engines.rows.protocol import Answer, Engine, Run
from engines.unrolled import currents, projections
from snntk_core import Array, Graph

SILENT = -1e9  # a potential from which nothing fires
FOREVER = 2.0**40  # a time constant in steps, with which a step of current counts for exactly one
LEAST = 1 - 2.0**-30  # the threshold, less than what leaks away with it


@dataclass(frozen=True)
class Nest(Engine):
    """NEST with one spike generator less than usual: the input is a current."""

    needs: ClassVar[tuple[str, ...]] = ("nest",)
    resets_to_zero: ClassVar[bool] = True
    most: ClassVar[int] = 2
    only: ClassVar[tuple[str, ...]] = ("lenet",)

    def prepare(self, graph: Graph, device: str, threads: int, counting: bool) -> Run:
        """Return the network built."""
        import nest

        nest.set_verbosity("M_ERROR")
        nest.ResetKernel()
        nest.SetKernelStatus({"resolution": 1.0, "local_num_threads": threads})
        links = projections(graph)
        layers = [self._neurons(nest, len(link.weights)) for link in links]
        for before, after, link in zip(layers, layers[1:], links, strict=False):
            _connect(nest, before, after, link.weights)
        recorders = [nest.Create("spike_recorder") for _ in layers]
        for layer, recorder in zip(layers, recorders, strict=True):
            nest.Connect(layer, recorder)

        def sample(current: Array, steps: int) -> tuple[Array, list[int]]:
            for layer in layers:
                layer.set({"V_m": SILENT, "I_e": 0.0})
            nest.Simulate(1.0)  # what is still under way arrives
            begin = nest.GetKernelStatus("biological_time")
            for layer in layers:
                layer.V_m = 0.0
            for recorder in recorders:
                recorder.n_events = 0
            for depth, layer in enumerate(layers):
                layer.I_e = current if depth == 0 else links[depth - 1].bias.astype(float)
                nest.Simulate(1.0)
            nest.Simulate(float(steps - 1))
            return self._counts(begin, steps, layers, recorders)

        def run(batch: Array, steps: int) -> Answer:
            scores, spikes = [], []
            for current in currents(graph, batch).astype(float):
                last, totals = sample(current, steps)
                scores.append(last @ links[-1].weights / steps + links[-1].bias)
                spikes.append(totals)
            return Answer(np.array(scores), np.array(spikes).T)

        return run

    @staticmethod
    def _neurons(nest: Any, count: int) -> Any:
        rest = {"E_L": 0.0, "V_m": 0.0, "V_th": LEAST, "V_reset": 0.0, "t_ref": 0.0, "C_m": 1.0, "tau_m": FOREVER}
        return nest.Create("iaf_psc_delta", count, rest)

    @staticmethod
    def _counts(begin: float, steps: int, layers: list[Any], recorders: list[Any]) -> tuple[Array, list[int]]:
        """Return the counts of the last layer, and how many spikes each fired."""
        totals, counts = [], np.zeros(0)
        for depth, (layer, recorder) in enumerate(zip(layers, recorders, strict=True)):
            events = recorder.get("events")
            inside = (events["times"] > begin + depth + 0.5) & (events["times"] < begin + depth + steps + 0.5)
            counts = np.bincount(events["senders"][inside].astype(int) - min(layer.tolist()), minlength=len(layer))
            totals.append(int(counts.sum()))
        return counts, totals


def _connect(nest: Any, before: Any, after: Any, weights: Array) -> None:
    sources, targets = np.nonzero(weights)
    nest.Connect(
        np.array(before.tolist())[sources],
        np.array(after.tolist())[targets],
        "one_to_one",
        {"weight": weights[sources, targets].astype(float), "delay": np.ones(len(sources))},
    )


ENGINES = (Nest("NEST, unrolled"),)
