"""snntorch: its Leaky neuron without leak, reset by subtraction, in a loop over steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engines.chain import channels_first
from engines.rows.plain_torch import Tally, modules, synchronized
from engines.rows.protocol import Answer, Engine, Run
from snntk_core import Array, Graph

BELOW_ONE = 1 - 2**-24
"""snntorch and norse fire above their threshold, not at it: the largest number below one makes that the same."""


@dataclass(frozen=True)
class SnnTorch(Engine):
    """snntorch on torch."""

    needs: ClassVar[tuple[str, ...]] = ("snntorch", "torch")
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def prepare(self, graph: Graph, device: str, threads: int, counting: bool) -> Run:
        """Return the network ready to run."""
        import snntorch
        import torch

        torch.set_num_threads(threads)
        chain = [
            snntorch.Leaky(beta=1.0, threshold=BELOW_ONE, reset_mechanism="subtract").to(device)
            if made is None
            else made
            for made in modules(graph, device)
        ]

        def run(batch: Array, steps: int) -> Answer:
            tally, total = Tally(counting), 0
            with torch.inference_mode():
                x = torch.from_numpy(channels_first(graph, batch)).to(device)
                potentials = {
                    index: made.reset_mem() for index, made in enumerate(chain) if isinstance(made, snntorch.Leaky)
                }
                for _ in range(steps):
                    h = x
                    for index, made in enumerate(chain):
                        if index in potentials:
                            h, potentials[index] = made(h, potentials[index])
                            tally.add(index, h)
                        else:
                            h = made(h)
                    total = total + h
                scores = (total / steps).cpu().numpy()
            synchronized(device)
            return Answer(scores, tally.array())

        return run


ENGINES = (SnnTorch("snntorch"),)
