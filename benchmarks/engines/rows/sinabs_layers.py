"""sinabs: IAFSqueeze with one spike at most in a step and reset by subtraction; samples and steps share an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engines.chain import channels_first
from engines.rows.plain_torch import Tally, modules, synchronized
from engines.rows.protocol import Answer, Engine, Run
from snntk_core import Array, Graph


@dataclass(frozen=True)
class Sinabs(Engine):
    """sinabs on torch."""

    needs: ClassVar[tuple[str, ...]] = ("sinabs", "torch")
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def prepare(self, graph: Graph, device: str, threads: int, counting: bool) -> Run:
        """Return the network ready to run."""
        import sinabs.layers as sl
        import torch
        from sinabs.activation import MembraneSubtract, SingleSpike

        torch.set_num_threads(threads)
        plain = modules(graph, device)

        def neurons(samples: int) -> sl.IAFSqueeze:
            return sl.IAFSqueeze(
                batch_size=samples, spike_threshold=1.0, spike_fn=SingleSpike, reset_fn=MembraneSubtract(),
                min_v_mem=None,
            ).to(device)  # fmt: skip

        chains: dict[int, list] = {}  # by the size of the batch, which a layer is made for

        def run(batch: Array, steps: int) -> Answer:
            tally, samples = Tally(counting), len(batch)
            if samples not in chains:
                chains[samples] = [neurons(samples) if made is None else made for made in plain]
            with torch.inference_mode():
                x = torch.from_numpy(channels_first(graph, batch)).to(device)
                h = x[:, None].expand(samples, steps, *x.shape[1:]).flatten(0, 1)
                for index, made in enumerate(chains[samples]):
                    h = made(h)
                    if isinstance(made, sl.IAFSqueeze):
                        made.reset_states()
                        tally.add(index, h.unflatten(0, (samples, steps)).transpose(0, 1).flatten(0, 1), steps)
                scores = h.unflatten(0, (samples, steps)).mean(1).cpu().numpy()
            synchronized(device)
            return Answer(scores, tally.array())

        return run


ENGINES = (Sinabs("sinabs"),)
