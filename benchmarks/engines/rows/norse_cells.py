"""norse: its boxed neuron with reset by subtraction, in a loop over steps.

Its IAF neuron knows reset to zero alone, so the boxed leaky one stands in, with a time constant of 2^30 steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engines.chain import channels_first
from engines.rows.plain_torch import Tally, modules, synchronized
from engines.rows.protocol import Answer, Engine, Run
from engines.rows.snntorch_cells import BELOW_ONE
from snntk_core import Array, Graph

SLOW = 2.0**-30
"""The share of its potential that a neuron loses in a step; the current is multiplied by the inverse."""


@dataclass(frozen=True)
class Norse(Engine):
    """norse on torch."""

    needs: ClassVar[tuple[str, ...]] = ("norse", "torch")
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def prepare(self, graph: Graph, device: str, threads: int, counting: bool) -> Run:
        """Return the network ready to run."""
        import torch
        from norse.torch import reset_subtract
        from norse.torch.functional.lif_box import LIFBoxFeedForwardState, LIFBoxParameters, lif_box_feed_forward_step

        torch.set_num_threads(threads)
        chain = modules(graph, device)
        zero, least = torch.zeros((), device=device), torch.full((), BELOW_ONE, device=device)
        p = LIFBoxParameters(
            tau_mem_inv=torch.full((), SLOW, device=device), v_leak=zero, v_th=least, v_reset=zero, method="super",
            alpha=torch.full((), 100.0, device=device), reset_method=reset_subtract,
        )  # fmt: skip

        def run(batch: Array, steps: int) -> Answer:
            tally, total, states = Tally(counting), 0, {}
            with torch.inference_mode():
                x = torch.from_numpy(channels_first(graph, batch)).to(device)
                for _ in range(steps):
                    h = x
                    for index, made in enumerate(chain):
                        if made is None:
                            state = states.get(index) or LIFBoxFeedForwardState(v=torch.zeros_like(h))
                            h, states[index] = lif_box_feed_forward_step(h / SLOW, state, p, dt=1.0)
                            tally.add(index, h)
                        else:
                            h = made(h)
                    total = total + h
                scores = (total / steps).cpu().numpy()
            synchronized(device)
            return Answer(scores, tally.array())

        return run


ENGINES = (Norse("norse"),)
