"""One node that holds state, for one part of a batch: it takes the currents of many steps and answers with spikes.

A current is (steps, batch, *shape), or (1, batch, *shape) where it is the same in every step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snntk_core import Op, PoissonSpikes, Readout, SpikingMaxPool
from snntk_core.reference.poisson import PoissonStream
from snntk_core.shapes import Shape
from snntk_torchsim.device import tensor
from snntk_torchsim.linear import image, padded, unimage
from snntk_torchsim.scan import Emitted, NeuronArrays, Scan, State
from snntk_torchsim.windows import pool_reach, two_axes

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Wanted:
    """What is recorded of a node: which units fire in each step, its potential after each step."""

    fired: bool = False
    potentials: bool = False


class Population(ABC):
    """Receives current and answers with spikes.  ``counts``: spikes so far (batch, *shape); None for a readout."""

    counts: Tensor | None = None

    @abstractmethod
    def advance(self, current: Tensor, steps: int, *, owned: bool, wanted: Wanted) -> Emitted:
        """Take the current of ``steps`` steps; ``owned``: nobody else reads it, so it may become the spikes."""


class Neurons(Population):
    """`IntegrateFire`: ``V <- (1 - leak) V + I``, a spike where ``V >= threshold``, then the reset."""

    def __init__(self, arrays: NeuronArrays, scan: Scan, shape: Shape) -> None:
        import torch

        self.arrays, self.scan = arrays, scan
        device = arrays.threshold.device
        potential = arrays.initial.expand(shape).contiguous().clone()
        self.counts = torch.zeros(shape, dtype=torch.int32, device=device)
        blocked = torch.zeros_like(self.counts) if arrays.op.refractory else None
        self.state = State(potential, blocked, self.counts)

    def advance(self, current: Tensor, steps: int, *, owned: bool, wanted: Wanted) -> Emitted:
        """Step every neuron."""
        import torch

        current = current.contiguous()
        shape = (steps, *current.shape[1:])
        device = current.device
        emitted = Emitted(
            current if owned and len(current) == steps else torch.empty(shape, device=device),
            torch.empty(shape, dtype=torch.bool, device=device) if wanted.fired else None,
            torch.empty(shape, device=device) if wanted.potentials else None,
        )
        self.scan(self.arrays, self.state, current, emitted)
        return emitted


class Random(Population):
    """`PoissonSpikes`: drawn on the host, so that they are those of every simulator."""

    def __init__(self, op: PoissonSpikes, stream: PoissonStream, shape: Shape, device: torch.device) -> None:
        import torch

        self.stream, self.spike = stream, tensor(op.spike, device)
        self.counts = torch.zeros(shape, dtype=torch.int32, device=device)

    def advance(self, current: Tensor, steps: int, *, owned: bool, wanted: Wanted) -> Emitted:
        """Draw the spikes of the steps, whatever the current."""
        import torch

        fired = torch.from_numpy(self.stream.take(steps)).to(current.device).transpose(0, 1).contiguous()
        self.counts += fired.sum(0)
        return Emitted(fired * self.spike, fired if wanted.fired else None)


class Pool(Population):
    """`SpikingMaxPool`: ``y(t) = max C(t) - max C(t - 1)``, or the gate by the first largest ``C(t)``."""

    def __init__(self, op: SpikingMaxPool, before: Shape, after: Shape, device: torch.device) -> None:
        """``before``: the shape of the input with the batch; ``after``: that of the output."""
        import torch

        self.op, self.reach = op, pool_reach(op, before[1:])
        self.total = torch.zeros(before, device=device)
        self.largest = torch.zeros(after, device=device)
        self.counts = torch.zeros(after, dtype=torch.int32, device=device)

    def advance(self, current: Tensor, steps: int, *, owned: bool, wanted: Wanted) -> Emitted:
        """Add to the totals and pass on what the rule lets through."""
        current = current.expand(steps, *current.shape[1:])
        totals = running_sum(current, self.total)
        self.total = totals[-1].clone()
        if self.op.rule == "gate":
            passed = self._gated(totals.flatten(0, 1), current.flatten(0, 1))
            passed = passed.unflatten(0, (steps, -1))
        else:
            largest = largest_of_windows(self.op, self.reach, totals.flatten(0, 1)).unflatten(0, (steps, -1))
            passed = largest.clone()
            passed[0] -= self.largest
            passed[1:] -= largest[:-1]
            self.largest = largest[-1].clone()
        fired = passed != 0
        self.counts += fired.sum(0)
        return Emitted(passed, fired if wanted.fired else None)

    def _gated(self, totals: Tensor, spikes: Tensor) -> Tensor:
        """Pass, in each window, the spikes of the input whose total is first largest."""
        _, place = _max_pool(self.op, self.reach, totals, indices=True)
        x = padded(image(spikes), self.reach)
        return unimage(x.flatten(2).gather(2, place.flatten(2)).view_as(place), len(self.op.kernel))


class Potential(Population):
    """`Readout`: ``V(t)``, the sum of all current so far."""

    def __init__(self, shape: Shape, device: torch.device) -> None:
        import torch

        self.potential = torch.zeros(shape, device=device)

    def advance(self, current: Tensor, steps: int, *, owned: bool, wanted: Wanted) -> Emitted:
        """Add the current; nothing reads a readout, so there are no spikes."""
        sums = running_sum(current.expand(steps, *current.shape[1:]), self.potential)
        self.potential = sums[-1].clone()
        return Emitted(None, None, sums)


def running_sum(current: Tensor, start: Tensor) -> Tensor:
    """Return ``start + current[0] + ... + current[t]`` for every step ``t``: (steps, batch, *shape).

    On a CPU step after step: torch's own running sum walks along the steps of one unit, far from each other in memory.
    """
    import torch

    if current.device.type != "cpu":
        return torch.cumsum(current, 0) + start
    sums = torch.empty(current.shape)
    for step, total in zip(current.unbind(0), sums.unbind(0), strict=True):
        torch.add(start, step, out=total)
        start = total
    return sums


def largest_of_windows(op: SpikingMaxPool, reach: tuple[tuple[int, int], ...], x: Tensor) -> Tensor:
    """Return the largest of each window of ``x`` (samples, spatial..., channels); padding never wins."""
    largest, _ = _max_pool(op, reach, x, indices=False)
    return unimage(largest, len(op.kernel))


def _max_pool(
    op: SpikingMaxPool, reach: tuple[tuple[int, int], ...], x: Tensor, *, indices: bool
) -> tuple[Tensor, Tensor | None]:
    from torch.nn.functional import max_pool2d

    found = max_pool2d(
        padded(image(x), reach, -float("inf")), two_axes(op.kernel), two_axes(op.strides or op.kernel),
        dilation=two_axes(op.dilation or (1,) * len(op.kernel)), return_indices=indices,
    )  # fmt: skip
    return found if indices else (found, None)


def population(
    op: Op, arrays: NeuronArrays | None, before: Shape, after: Shape, scan: Scan, device: torch.device
) -> Population:
    """Return the state of a neuron op before the first step; the shapes of its input and output include the batch.

    ``arrays``: of an `IntegrateFire`.
    """
    if arrays is not None:
        return Neurons(arrays, scan, after)
    if isinstance(op, SpikingMaxPool):
        return Pool(op, before, after, device)
    assert isinstance(op, Readout)
    return Potential(after, device)
