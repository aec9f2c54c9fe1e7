"""Plain torch: the network without spikes, a loop over steps as anybody writes it, and all steps in one batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from engines.chain import Layer, channels_first, layers
from engines.rows.protocol import Answer, Engine, Run
from snntk_core import Array, Graph

if TYPE_CHECKING:
    from torch import Tensor, nn

Pass = Callable[["list[nn.Module | None]", "Tensor", int, "Tally"], "Tensor"]


class Tally:
    """Counts the spikes of each layer and sample, if they are asked for."""

    def __init__(self, counting: bool) -> None:
        self.counting, self.totals = counting, {}

    def add(self, layer: int, spikes: Tensor, steps: int = 1) -> None:
        """Count spikes (batch, ...), or (steps * batch, ...)."""
        if self.counting:
            total = spikes.reshape(steps, -1, spikes[0].numel()).sum((0, 2)).cpu().numpy()
            self.totals[layer] = self.totals.get(layer, 0) + total

    def array(self) -> Array | None:
        """Return (layers, batch), or None."""
        return np.stack([self.totals[key] for key in sorted(self.totals)]) if self.totals else None


def module(layer: Layer) -> nn.Module | None:
    """Return a layer as torch's module; None stands for neurons."""
    import torch
    from torch import nn

    if layer.kind in ("fire", "flatten", "pool"):
        return {"fire": None, "flatten": nn.Flatten(), "pool": nn.AvgPool2d(layer.size, layer.stride)}[layer.kind]
    bias = layer.bias is not None
    if layer.kind == "dense":
        made: nn.Module = nn.Linear(layer.weight.shape[1], layer.weight.shape[0], bias)
    else:
        out, rows = layer.weight.shape[0], layer.weight.shape[1] * layer.groups
        made = nn.Conv2d(
            rows, out, layer.weight.shape[2:], layer.stride, layer.padding, layer.dilation, layer.groups, bias
        )
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(np.array(layer.weight)))
        if bias:
            made.bias.copy_(torch.from_numpy(np.array(layer.bias)))
    return made


def modules(graph: Graph, device: str) -> list[nn.Module | None]:
    """Return the layers of a graph as modules; None stands for neurons."""
    return [made if made is None else made.to(device).eval() for made in map(module, layers(graph))]


def synchronized(device: str) -> None:
    """Wait until a GPU is done."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def analog(chain: list[nn.Module | None], x: Tensor, steps: int, tally: Tally) -> Tensor:
    """Return the output of the network with ReLUs for neurons."""
    for layer in chain:
        x = x.relu() if layer is None else layer(x)
    return x


def naive(chain: list[nn.Module | None], x: Tensor, steps: int, tally: Tally) -> Tensor:
    """Return the mean output of a loop over steps."""
    return _loop(chain, x, steps, tally, 0)


def hoisted(chain: list[nn.Module | None], x: Tensor, steps: int, tally: Tally) -> Tensor:
    """Return the mean output of a loop over steps; what stands before the first neurons is computed once."""
    first = chain.index(None)
    for layer in chain[:first]:
        x = layer(x)
    return _loop(chain[first:], x, steps, tally, first)


def _loop(chain: list[nn.Module | None], x: Tensor, steps: int, tally: Tally, first: int) -> Tensor:
    potentials: dict[int, Tensor] = {}
    total = 0
    for _ in range(steps):
        h = x
        for index, layer in enumerate(chain, first):
            if layer is None:
                v = potentials[index] + h if index in potentials else h
                h = (v >= 1).to(v.dtype)
                potentials[index] = v - h
                tally.add(index, h)
            else:
                h = layer(h)
        total = total + h
    return total / steps


def time_batched(chain: list[nn.Module | None], x: Tensor, steps: int, tally: Tally) -> Tensor:
    """Return the mean output of one pass in which the steps stand side by side in the batch."""
    import torch

    batch, h, driven = len(x), x, False
    for index, layer in enumerate(chain):
        if layer is not None:
            h = layer(h)
            continue
        current = h.unflatten(0, (steps, batch)) if driven else h.expand(steps, *h.shape)
        v, spikes = torch.zeros_like(current[0]), torch.empty_like(current, memory_format=torch.contiguous_format)
        for time in range(steps):
            v += current[time]
            torch.ge(v, 1, out=spikes[time])
            v -= spikes[time]
        h, driven = spikes.flatten(0, 1), True
        tally.add(index, h, steps)
    return h.unflatten(0, (steps, batch)).mean(0) if driven else h


@dataclass(frozen=True)
class PlainTorch(Engine):
    """One way to run the chain in torch."""

    forward: Pass = naive
    fires: bool = True
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def prepare(self, graph: Graph, device: str, threads: int, counting: bool) -> Run:
        """Return the network ready to run."""
        import torch

        torch.set_num_threads(threads)
        chain = modules(graph, device)

        def run(batch: Array, steps: int) -> Answer:
            tally = Tally(counting and self.fires)
            with torch.inference_mode():
                x = torch.from_numpy(channels_first(graph, batch)).to(device)
                scores = self.forward(chain, x, steps, tally).cpu().numpy()
            synchronized(device)
            return Answer(scores, tally.array())

        return run


ENGINES = (
    PlainTorch("ANN forward (torch)", analog, False),
    PlainTorch("torch loop", naive),
    PlainTorch("torch loop, first layer once", hoisted),
    PlainTorch("torch time-batched", time_batched),
)
