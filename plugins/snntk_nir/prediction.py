"""What NIR's own equations give in the long run, in plain numpy: for a constant input, the mean output of a step.

NIR describes networks and runs none.  This stands in for a library's own output: node by node, channels first, every
neuron at the rate it settles to under constant current.  It shares no code with the core's reference semantics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np

from snntk_core.ops import Array
from snntk_nir.ordering import predecessors
from snntk_nir.reading import NirModel

STEPS = 512  # over which the rate of a leaky neuron is counted

Fields = Mapping[str, Any]


def predict(model: NirModel, batch: Array, reset: str | None, dt: float | None) -> Array:
    """Return the mean output of a step for a batch ``(n, *shape of the Input)``."""
    step = float(dt if dt is not None else model.metadata.get("dt", 1.0))
    values: dict[str, Array] = {}
    for name, reads in predecessors(model).items():
        fields, inputs = model.nodes[name], [values[before] for before in reads if before in values]
        if fields["type"] == "Input":
            values[name] = np.asarray(batch, np.float64)
        elif inputs:
            current = np.sum(inputs, axis=0)
            if fields["type"] in ("IF", "LIF"):
                values[name] = _rate(fields, current, reset, step)
            elif fields["type"] == "Output":
                return _linked(model.metadata.get("link"), current).astype(np.float32)
            else:
                values[name] = FORWARD[fields["type"]](fields, current, step)
    raise ValueError("the Output is not reached")


def _rate(fields: Fields, current: Array, reset: str | None, dt: float) -> Array:
    metadata = fields.get("metadata", {})
    how, closed = reset or _text(metadata.get("reset")), _text(metadata.get("fires")) == "at"
    threshold = np.asarray(fields["v_threshold"], np.float64)
    drive = current * np.asarray(fields["r"], np.float64)
    if fields["type"] == "LIF":
        start = np.asarray(metadata.get("initial_potential", 0.0), np.float64)
        return _counted(drive, dt / np.asarray(fields["tau"], np.float64), threshold, start, how == "zero", closed)
    drive = drive * dt
    if how == "subtract":
        return np.clip(drive / threshold, 0, 1)
    with np.errstate(divide="ignore"):
        reached = threshold / np.maximum(drive, 0)
    period = np.ceil(reached) if closed else np.floor(reached) + 1
    return 1 / np.maximum(period, 1)


def _counted(drive: Array, leak: Array, threshold: Array, start: Array, to_zero: bool, closed: bool) -> Array:
    potential, spikes = np.broadcast_to(start, drive.shape).copy(), np.zeros_like(drive)
    for _ in range(STEPS):
        potential = potential + leak * (drive - potential)
        fired = potential >= threshold if closed else potential > threshold
        spikes += fired
        potential = np.where(fired, 0 if to_zero else potential - threshold, potential)
    return spikes / STEPS


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _linked(link: Any, x: Array) -> Array:
    name = _text(link)
    if name in ("softmax", "log-softmax"):
        shifted = x - x.max(-1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        return np.exp(logs) if name == "softmax" else logs
    return np.asarray({"sigmoid": lambda v: 1 / (1 + np.exp(-v)), "tanh": np.tanh}.get(name, lambda v: v)(x))


def _affine(fields: Fields, x: Array, dt: float) -> Array:
    return np.asarray(x @ np.asarray(fields["weight"], np.float64).T + fields.get("bias", 0.0))


def _pair(value: Any, rank: int) -> list[int]:
    return [int(item) for item in np.broadcast_to(np.asarray(value).reshape(-1), (rank,))]


def _pads(fields: Fields, kernel: list[int], dilation: list[int]) -> list[tuple[int, int]]:
    given = fields["padding"]
    name = _text(given) if isinstance(given, str | bytes) else ""
    totals = [d * (k - 1) if name == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
    if name:
        return [(total // 2, total - total // 2) for total in totals]
    return [(amount, amount) for amount in _pair(given, len(kernel))]


def _windows(x: Array, pads: list[tuple[int, int]], taps: list[int], strides: list[int], dilation: list[int]) -> Any:
    """Yield every tap of the windows with what it meets, (batch, channels, *windows)."""
    padded = np.pad(x, [(0, 0), (0, 0), *pads])
    spans = [d * (k - 1) + 1 for k, d in zip(taps, dilation, strict=True)]
    counts = [(n - span) // s + 1 for n, span, s in zip(padded.shape[2:], spans, strides, strict=True)]
    for tap in product(*map(range, taps)):
        cut = [slice(t * d, t * d + (c - 1) * s + 1, s) for t, d, c, s in
               zip(tap, dilation, counts, strides, strict=True)]  # fmt: skip
        yield tap, padded[(slice(None), slice(None), *cut)]


def _convolution(fields: Fields, x: Array, dt: float) -> Array:
    weight = np.asarray(fields["weight"], np.float64)
    kernel = list(weight.shape[2:])
    strides, dilation = _pair(fields["stride"], len(kernel)), _pair(fields["dilation"], len(kernel))
    groups = int(fields["groups"])
    own = weight.reshape(groups, len(weight) // groups, *weight.shape[1:])
    total: Any = 0.0
    for tap, met in _windows(x, _pads(fields, kernel, dilation), kernel, strides, dilation):
        seen = met.reshape(len(x), groups, -1, *met.shape[2:])
        total = total + np.einsum("ngc...,gfc->ngf...", seen, own[(slice(None), slice(None), slice(None), *tap)])
    y = np.asarray(total)
    y = y.reshape(len(x), -1, *y.shape[3:])
    return y + np.asarray(fields["bias"], np.float64).reshape(-1, *(1,) * len(kernel))


def _sum_pool(fields: Fields, x: Array, dt: float) -> Array:
    kernel, strides = _pair(fields["kernel_size"], 2), _pair(fields["stride"], 2)
    pads = _pads(fields, kernel, [1, 1])
    return np.sum([met for _, met in _windows(x, pads, kernel, strides, [1, 1])], axis=0)


def _average_pool(fields: Fields, x: Array, dt: float) -> Array:
    return _sum_pool(fields, x, dt) / np.prod(_pair(fields["kernel_size"], 2))


def _flatten(fields: Fields, x: Array, dt: float) -> Array:
    rank = x.ndim - 1
    begin, end = int(fields.get("start_dim", 1)) % rank + 1, int(fields.get("end_dim", -1)) % rank + 1
    return x.reshape(*x.shape[:begin], -1, *x.shape[end + 1 :]) if begin < end else x


FORWARD: Mapping[str, Callable[[Fields, Array, float], Array]] = {
    "Affine": _affine,
    "Linear": _affine,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "Scale": lambda fields, x, dt: np.asarray(x * fields["scale"]),
    "SumPool2d": _sum_pool,
    "AvgPool2d": _average_pool,
    "Flatten": _flatten,
    "I": lambda fields, x, dt: np.asarray(x * fields["r"] * dt),
    "LI": lambda fields, x, dt: np.asarray(x * fields["r"]),
}
"""What each node without spikes computes."""
