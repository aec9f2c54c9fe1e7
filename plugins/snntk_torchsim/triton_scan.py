"""Integrate-and-fire over many steps in one Triton kernel: ``V`` stays in a register from the first step to the last.

A thread owns a neuron of a sample and walks along its currents, each read once; its spike is written where the current
stood, or elsewhere.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from snntk_torchsim.scan import Emitted, NeuronArrays, Scan, State, scan_in_memory, scan_step_by_step

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BLOCK = 256  # neurons of one program of the kernel

tl: Any = None  # triton.language once `kernel` has imported it: Triton looks for it among the globals of this module


def scan_for(device: torch.device) -> tuple[str, Scan]:
    """Return the fastest scan there is for a device, with its name for the recording."""
    if device.type == "cpu":
        return "in memory", scan_in_memory
    return ("triton", scan_fused) if find_spec("triton") else ("step by step, without triton", scan_step_by_step)


def scan_fused(neurons: NeuronArrays, state: State, current: Tensor, emitted: Emitted) -> None:
    """One launch for all steps.  What does not exist is passed as the spikes, and neither read nor written."""
    op, count, spikes = neurons.op, state.potential.numel(), emitted.spikes
    fired, potentials = emitted.fired, emitted.potentials
    kernel()[(-(-count // BLOCK),)](
        current, spikes, state.potential, state.counts,
        spikes if state.blocked is None else state.blocked,
        spikes if fired is None else fired,
        spikes if potentials is None else potentials,
        neurons.threshold, neurons.amplitude, float(1 - op.leak), op.refractory, len(spikes), count,
        neurons.threshold.numel(), neurons.amplitude.numel(),
        steady=len(current) == 1 and len(spikes) > 1, leaky=op.leak > 0, to_zero=op.reset == "zero",
        waits=state.blocked is not None, keep_fired=fired is not None, keep_potentials=potentials is not None,
        block=BLOCK, enable_fp_fusion=False,
    )  # fmt: skip


@cache
def kernel() -> Any:
    """Return the kernel; compiled by Triton when it is first launched."""
    global tl
    import triton
    import triton.language as tl

    @triton.jit
    def integrate_and_fire(
        current, spikes, potential, counts, blocked, fired, potentials, threshold, amplitude, kept, refractory, steps,
        count, thresholds, amplitudes,
        steady: tl.constexpr, leaky: tl.constexpr, to_zero: tl.constexpr, waits: tl.constexpr,
        keep_fired: tl.constexpr, keep_potentials: tl.constexpr, block: tl.constexpr,
    ):  # fmt: skip
        unit = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
        inside = unit < count
        v = tl.load(potential + unit, inside)
        total = tl.load(counts + unit, inside)
        least = tl.load(threshold + unit % thresholds, inside)
        carried = tl.load(amplitude + unit % amplitudes, inside)
        if waits:
            wait = tl.load(blocked + unit, inside)
        if steady:
            drive = tl.load(current + unit, inside)
        at = unit
        for _ in range(steps):
            if not steady:
                drive = tl.load(current + at, inside)
            charged = v * kept + drive if leaky else v + drive
            hit = charged >= least
            if waits:
                free = wait == 0
                charged = tl.where(free, charged, v)
                hit = hit & free
                wait = tl.where(hit, refractory, tl.maximum(wait - 1, 0))
            v = tl.where(hit, 0.0 if to_zero else charged - least, charged)
            total += hit.to(tl.int32)
            tl.store(spikes + at, tl.where(hit, carried, 0.0), inside)
            if keep_fired:
                tl.store(fired + at, hit, inside)
            if keep_potentials:
                tl.store(potentials + at, v, inside)
            at += count
        tl.store(potential + unit, v, inside)
        tl.store(counts + unit, total, inside)
        if waits:
            tl.store(blocked + unit, wait, inside)

    return integrate_and_fire
