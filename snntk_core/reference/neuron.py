"""Neuron dynamics, one step at a time, and what a neuron op means in the limit of many steps.

The step functions are the executable specification: every simulator is compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np

from snntk_core.ops import Array, IntegrateFire, Link, Readout, SpikeSource, SpikingMaxPool
from snntk_core.reference.analog import log_softmax, max_pool, sigmoid, softmax
from snntk_core.reference.dispatch import apply
from snntk_core.shapes import resolve_padding

LIMIT_STEPS = 512  # how long a leaky neuron is driven to read its rate


@dataclass
class NeuronState:
    """What a layer of neurons holds between steps, and what it did in the last one.

    ``potential``: V.  ``blocked``: refractory steps left, or None.  ``fired``: which neurons fired.  ``spikes``: what
    they emit, the amplitude where they fired.  Each step writes into these arrays; copy what must outlive it.
    """

    potential: Array
    blocked: Array | None
    fired: Array
    spikes: Array


def initial_state(op: IntegrateFire, shape: tuple[int, ...], dtype: np.dtype[np.floating]) -> NeuronState:
    """Return the state before the first step; ``shape`` includes the batch."""
    potential = np.broadcast_to(op.initial_potential.astype(dtype), shape).copy()
    blocked = np.zeros(shape, np.int32) if op.refractory else None
    return NeuronState(potential, blocked, np.zeros(shape, bool), np.zeros(shape, dtype))


def step(op: IntegrateFire, state: NeuronState, current: Array) -> Array:
    """Advance ``state`` by one step and return which neurons fired: ``state.fired``, overwritten by the next step.

    ``V <- (1 - leak) V + I``; fire where ``V >= threshold``; then subtract the threshold or set ``V`` to zero.
    """
    v, fired, dtype = state.potential, state.fired, state.potential.dtype
    threshold = op.threshold.astype(dtype, copy=False)
    if state.blocked is None:
        if op.leak:
            v *= dtype.type(1 - op.leak)
        v += current
        np.greater_equal(v, threshold, out=fired)
    else:
        free = state.blocked == 0
        np.copyto(v, v * dtype.type(1 - op.leak) + current, where=free)
        np.logical_and(free, v >= threshold, out=fired)
        np.copyto(state.blocked, np.where(fired, op.refractory, np.maximum(state.blocked - 1, 0)))
    np.multiply(fired, op.spike.astype(dtype, copy=False), out=state.spikes)
    if op.reset == "zero":
        np.copyto(v, 0, where=fired)
    else:
        v -= state.spikes if op.amplitude is None else fired * threshold
    return fired


def gate(op: SpikingMaxPool, total: Array, x: Array) -> Array:
    """Pass, in each window, the value of ``x`` where ``total`` is first largest; both (batch, spatial..., channels)."""
    rank = len(op.kernel)
    strides, dilation = op.strides or op.kernel, op.dilation or (1,) * rank
    pads = resolve_padding(op.padding, x.shape[1 : 1 + rank], op.kernel, strides, dilation)
    shape = op.infer(x.shape[1:])
    best = np.full((len(x), *shape), -np.inf, x.dtype)
    result = np.zeros((len(x), *shape), x.dtype)
    for tap in np.ndindex(*op.kernel):
        index, inside = [], np.ones((1,) * rank, bool)
        for axis in range(rank):
            at = np.arange(shape[axis]) * strides[axis] + tap[axis] * dilation[axis] - pads[axis][0]
            ok = (at >= 0) & (at < x.shape[1 + axis])
            index.append(np.where(ok, at, 0))
            inside = inside & ok.reshape([-1 if i == axis else 1 for i in range(rank)])
        here: Any = (slice(None), *np.ix_(*index))
        wins = (total[here] > best) & inside[..., None]
        np.copyto(best, total[here], where=wins)
        np.copyto(result, x[here], where=wins)
    return result


def linked(link: Link, x: Array) -> Array:
    """Apply a readout's link function on the last axis."""
    match link:
        case "identity":
            return x
        case "softmax":
            return softmax(x)
        case "log-softmax":
            return log_softmax(x)
        case "sigmoid":
            return sigmoid(x)
        case "tanh":
            return np.asarray(np.tanh(x))
    assert_never(link)


def scores(op: Readout, potentials: Array) -> Array:
    """Return what a readout says after every step; ``potentials``: V, (batch, steps, *shape), and so is the result."""
    times = np.arange(1, potentials.shape[1] + 1)
    left_out = np.minimum(op.warm_up, times // 2)
    if op.warm_up:
        before = np.where(left_out.reshape(-1, *(1,) * (potentials.ndim - 2)), potentials[:, left_out - 1], 0)
        potentials = potentials - before
    counted = (times - left_out).astype(potentials.dtype)
    return linked(op.link, potentials / counted.reshape(-1, *(1,) * (potentials.ndim - 2)))


@apply.register
def _(op: SpikeSource, x: Array) -> Array:
    return x.transpose(0, *(axis + 1 for axis in op.order)) if op.order else x


@apply.register
def _(op: IntegrateFire, x: Array) -> Array:
    """What the neuron passes on per step, in the limit of many steps of constant current ``x``."""
    threshold, spike = op.threshold.astype(x.dtype), op.spike.astype(x.dtype)
    if op.leak:
        state = initial_state(op, x.shape, x.dtype)
        fired = sum(step(op, state, x).astype(np.int32) for _ in range(LIMIT_STEPS))
        return np.asarray(fired * (spike / LIMIT_STEPS), x.dtype)
    drive = np.maximum(x / threshold, 0)
    if op.reset == "subtract":
        return np.asarray(spike * np.minimum(drive / (1 + op.refractory * drive), 1 / (1 + op.refractory)), x.dtype)
    with np.errstate(divide="ignore"):
        period = np.ceil(1 / drive) + op.refractory
    return np.asarray(spike / period, x.dtype)


@apply.register
def _(op: SpikingMaxPool, x: Array) -> Array:
    return max_pool(x, op.kernel, op.strides, op.padding, op.ceil_mode, op.dilation)


@apply.register
def _(op: Readout, x: Array) -> Array:
    return linked(op.link, x)
