"""Integrate-and-fire over many steps: ``V`` goes in and out, currents become spikes.

Three ways to the same spikes.  ``scan_in_memory`` (CPU): the reference's own step on the memory of the tensors;
numpy's ufuncs cost a third of torch's per call, and no compiler is needed.  ``scan_step_by_step`` (any device): torch's
ops, one step after another.  `snntk_torchsim.triton_scan` (GPU): one kernel, ``V`` in registers over all steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from snntk_core import Array, IntegrateFire
from snntk_core.reference.neuron import NeuronState, step
from snntk_core.shapes import Shape
from snntk_torchsim.device import tensor

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FLUSH = 255  # a byte counts no further


@dataclass(frozen=True, eq=False)
class NeuronArrays:
    """An `IntegrateFire` made ready: ``op`` in float32, and its arrays on a device, scalars or of the full shape."""

    op: IntegrateFire
    threshold: Tensor
    amplitude: Tensor
    initial: Tensor

    @classmethod
    def of(cls, op: IntegrateFire, shape: Shape, device: torch.device) -> NeuronArrays:
        """Return the arrays of ``op`` for neurons of ``shape`` (without batch).

        A whole map is compared with a whole map several times faster than with a short row of channels.
        """
        arrays = {name: np.array(spread(array, shape), np.float32) for name, array in op.arrays.items()}
        op = replace(op, **arrays)
        return cls(op, *(tensor(array, device) for array in (op.threshold, op.spike, op.initial_potential)))


def spread(array: Array, shape: Shape) -> Array:
    """Return a scalar, or ``array`` broadcast to ``shape``."""
    return array.reshape(()) if array.size == 1 else np.broadcast_to(array, shape)


@dataclass(frozen=True, eq=False)
class State:
    """What neurons hold between chunks of steps, changed in place; each (batch, *shape).

    ``potential``: V.  ``blocked``: refractory steps left, int32, or None.  ``counts``: spikes so far, int32.
    """

    potential: Tensor
    blocked: Tensor | None
    counts: Tensor


@dataclass(frozen=True, eq=False)
class Emitted:
    """What a node did, each (steps, batch, *shape).

    ``fired``: which units spiked, as bool, and ``potentials``: V after the step; None where nobody asks for them.
    ``spikes``: None for a readout.
    """

    spikes: Tensor | None
    fired: Tensor | None = None
    potentials: Tensor | None = None


Scan = Callable[[NeuronArrays, State, "Tensor", Emitted], None]
"""Fills what there is of `Emitted` from currents (steps or 1, batch, *shape) and changes the state.

The spikes may share the memory of the currents.  All tensors are contiguous.
"""


def scan_in_memory(neurons: NeuronArrays, state: State, current: Tensor, emitted: Emitted) -> None:
    """Step by step in numpy, on the memory of tensors of the CPU."""
    currents, spikes, counts = current.numpy(), emitted.spikes.numpy(), state.counts.numpy()
    blocked = None if state.blocked is None else state.blocked.numpy()
    now = NeuronState(state.potential.numpy(), blocked, np.empty(counts.shape, bool), spikes[0])
    recent = np.zeros(counts.shape, np.uint8)
    for time in range(len(spikes)):
        now.spikes = spikes[time]
        step(neurons.op, now, currents[time if len(currents) > 1 else 0])
        recent += now.fired.view(np.uint8)
        if (time + 1) % FLUSH == 0:
            counts += recent
            recent[...] = 0
        if emitted.fired is not None:
            emitted.fired.numpy()[time] = now.fired
        if emitted.potentials is not None:
            emitted.potentials.numpy()[time] = now.potential
    counts += recent


def scan_step_by_step(neurons: NeuronArrays, state: State, current: Tensor, emitted: Emitted) -> None:
    """Step by step in torch: the fallback on a GPU without Triton."""
    op, v = neurons.op, state.potential
    for time, (drive, spikes) in enumerate(zip(current.expand(emitted.spikes.shape), emitted.spikes, strict=True)):
        charged = v * (1 - op.leak) + drive if op.leak else v + drive
        hit = charged >= neurons.threshold
        if state.blocked is not None:
            free = state.blocked == 0
            charged, hit = charged.where(free, v), hit & free
            state.blocked.sub_(1).clamp_(min=0).masked_fill_(hit, op.refractory)
        v.copy_(charged.masked_fill(hit, 0) if op.reset == "zero" else charged - hit * neurons.threshold)
        spikes.copy_(hit * neurons.amplitude)
        state.counts.add_(hit)
        if emitted.fired is not None:
            emitted.fired[time] = hit
        if emitted.potentials is not None:
            emitted.potentials[time] = v
