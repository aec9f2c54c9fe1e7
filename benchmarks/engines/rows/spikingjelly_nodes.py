"""spikingjelly: its IF node with reset by subtraction, step by step (s) and all steps at once (m)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engines.chain import channels_first
from engines.rows.plain_torch import Tally, modules, synchronized
from engines.rows.protocol import Answer, Engine, Run
from snntk_core import Array, Graph


@dataclass(frozen=True)
class SpikingJelly(Engine):
    """One step mode.  On a GPU, mode m runs spikingjelly's own Triton kernels."""

    mode: str = "s"
    needs: ClassVar[tuple[str, ...]] = ("spikingjelly", "torch")
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def prepare(self, graph: Graph, device: str, threads: int, counting: bool) -> Run:
        """Return the network ready to run."""
        import torch
        from spikingjelly.activation_based import functional, layer, neuron
        from torch import nn

        torch.set_num_threads(threads)
        several = self.mode == "m"
        chain = nn.ModuleList()
        for made in modules(graph, device):
            if made is None:
                chain.append(neuron.IFNode(v_threshold=1.0, v_reset=None, step_mode=self.mode).to(device).eval())
            else:
                chain.append(layer.SeqToANNContainer(made) if several else made)

        def forward(x: torch.Tensor, tally: Tally) -> torch.Tensor:
            for index, made in enumerate(chain):
                x = made(x)
                if isinstance(made, neuron.IFNode):
                    tally.add(index, x.flatten(0, 1) if several else x, len(x) if several else 1)
            return x

        def run(batch: Array, steps: int) -> Answer:
            tally = Tally(counting)
            functional.reset_net(chain)
            with torch.inference_mode():
                x = torch.from_numpy(channels_first(graph, batch)).to(device)
                if several:
                    scores = forward(x.expand(steps, *x.shape), tally).mean(0)
                else:
                    scores = sum(forward(x, tally) for _ in range(steps)) / steps
                scores = scores.cpu().numpy()
            synchronized(device)
            return Answer(scores, tally.array())

        return run


ENGINES = (SpikingJelly("spikingjelly, mode s", "s"), SpikingJelly("spikingjelly, mode m", "m"))
