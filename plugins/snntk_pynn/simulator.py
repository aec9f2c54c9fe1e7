"""The PyNN simulator: what it takes, and its options."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar, Literal

from snntk_core import Capabilities, Graph, Runnable, Simulator, option
from snntk_core.errors import MissingLibrary
from snntk_core.stepped import EVERY_OP, checked_network
from snntk_core.unrolled import plain_pools
from snntk_pynn.on_brian2 import OnBrian2
from snntk_pynn.on_nest import OnNest
from snntk_pynn.rules import reset_to_zero


@dataclass(frozen=True)
class PynnSimulator(Simulator):
    """Runs a spiking network as PyNN's IF_curr_delta neurons on Brian2 or NEST, for neurons that reset to zero."""

    name: ClassVar[str] = "pynn"
    requires: ClassVar[tuple[str, ...]] = ("pyNN",)
    install: ClassVar[str] = 'pip install "snntk[pynn]"'
    clock: ClassVar[Literal["stepped", "event", "none"]] = "stepped"
    capabilities: ClassVar[Capabilities] = Capabilities(
        ops=EVERY_OP.ops,
        rules=(*EVERY_OP.rules, reset_to_zero, plain_pools),
    )

    backend: Literal["brian2", "nest"] = option("brian2", "the simulator that PyNN drives")

    def compile(self, graph: Graph) -> Runnable:
        """Return the graph as a program; PyNN holds one network, so that several programs build theirs by turns.

        Raises `MissingLibrary` without PyNN or the simulator behind it, `Incompatible` with every issue for a network
        that it cannot take, and `GraphError` for one that is not valid.
        """
        self.require()
        graph = checked_network(self.name, self.capabilities, graph)
        from snntk_pynn.program import PynnProgram

        if find_spec(self.backend) is None:
            raise MissingLibrary(self.name, (self.backend,), f'pip install "snntk[{self.backend}]"')
        return PynnProgram(graph, OnBrian2() if self.backend == "brian2" else OnNest())
