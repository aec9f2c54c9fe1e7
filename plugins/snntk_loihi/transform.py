"""loihi-grid: the network that the simulator loihi runs, for any other simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snntk_core import Context, Graph, Preserves, Stage, Transform
from snntk_core.errors import Incompatible
from snntk_loihi.grid import grid_of
from snntk_loihi.rules import OPS, few_synapses


@dataclass(frozen=True)
class LoihiGrid(Transform):
    """Round a spiking network to what Loihi's cores hold: 8-bit weights, whole units of threshold, potential and bias.

    It is the rounding that the simulator `loihi` applies itself; with it, any other simulator runs the same numbers.
    The ops from the input to the first neurons stay as they are, for the host computes them.
    """

    name: ClassVar[str] = "loihi-grid"
    stage: ClassVar[Stage] = Stage.LOWER
    preserves: ClassVar[Preserves] = Preserves.NOTHING

    def apply(self, graph: Graph, context: Context) -> Graph:
        """Return the rounded network; a graph that is not spiking, or holds an op unknown here, as it is.

        Raises `Incompatible` for a network with more synapses than are listed.
        """
        if not graph.spiking or any(type(node.op) not in OPS for node in graph):
            return graph
        issues = [issue for node in graph for issue in few_synapses(graph, node)]
        if issues:
            raise Incompatible(self.name, issues)
        return grid_of(graph).graph
