"""What Lasagne computes, in plain numpy, written after its documentation and Theano's: channels first, one filter tap
at a time, in float64.

There is no Lasagne for today's Python, so this stands in for it.  It shares no code with the reference semantics of the
core, and is itself tested against recorded outputs of Lasagne 0.1 on Theano 0.8.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np

from snntk_core.ops import Array
from snntk_lasagne.layers import Layer, Nonlinearity
from snntk_lasagne.reading import LasagneModel


def predict(model: LasagneModel, batch: Array) -> Array:
    """Return the output of the last layer, deterministic, for a batch in the model's own layout."""
    values: dict[str, Array] = {}
    for layer in model.layers:
        inputs = [values[name] for name in layer.inputs] or [np.asarray(batch, np.float64)]
        values[layer.name] = FORWARD[layer.kind](layer, *inputs)
    return values[model.layers[-1].name].astype(np.float32)


def _pair(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,) * rank


def _activate(nonlinearity: Nonlinearity | None, x: Array) -> Array:
    name = "linear" if nonlinearity is None else nonlinearity.name
    slope = 0.0 if nonlinearity is None or nonlinearity.number is None else nonlinearity.number
    if name == "softmax":
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    functions: Mapping[str, Callable[[Array], Array]] = {
        "linear": lambda v: v,
        "rectify": lambda v: 0.5 * (v + np.abs(v)),
        "leaky_rectify": lambda v: 0.5 * (1 + slope) * v + 0.5 * (1 - slope) * np.abs(v),
        "sigmoid": lambda v: 0.5 * (1 + np.tanh(v / 2)),
        "tanh": np.tanh,
        "elu": lambda v: np.where(v > 0, v, np.expm1(np.minimum(v, 0))),
        "selu": lambda v: 1.0507009873554805 * np.where(v > 0, v, 1.6732632423543772 * np.expm1(np.minimum(v, 0))),
        "softplus": lambda v: np.logaddexp(0, v),
    }
    return np.asarray(functions[name](x))


def _dense(layer: Layer, x: Array) -> Array:
    y = x.reshape(len(x), -1) @ layer.arrays["W"].astype(np.float64)
    return _activate(layer.options["nonlinearity"], y + layer.arrays.get("b", 0.0))


def _convolution(layer: Layer, x: Array) -> Array:
    """The true convolution y[i] = sum_j w[j] x[i - j], or with flip_filters=False the correlation x[i + j]."""
    weight, options = layer.arrays["W"].astype(np.float64), layer.options
    kernel = weight.shape[2:]
    rank = len(kernel)
    named = {"valid": (0,) * rank, "full": tuple(k - 1 for k in kernel), "same": tuple(k // 2 for k in kernel)}
    pads = named[options["pad"]] if isinstance(options["pad"], str) else _pair(options["pad"], rank)
    strides = _pair(options["stride"], rank)
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in pads)))
    counts = [(n - k) // s + 1 for n, k, s in zip(padded.shape[2:], kernel, strides, strict=True)]
    groups = options["num_groups"]
    own = weight.reshape(groups, len(weight) // groups, *weight.shape[1:])
    y = np.zeros((len(x), groups, own.shape[1], *counts))
    for tap in product(*map(range, kernel)):
        met = tuple(k - 1 - t for k, t in zip(kernel, tap, strict=True)) if options["flip_filters"] else tap
        window = tuple(slice(m, m + (c - 1) * s + 1, s) for m, c, s in zip(met, counts, strides, strict=True))
        seen = padded[(slice(None), slice(None), *window)].reshape(len(x), groups, -1, *counts)
        y += np.einsum("ngc...,gfc->ngf...", seen, own[(slice(None), slice(None), slice(None), *tap)])
    y = y.reshape(len(x), -1, *counts)
    bias = layer.arrays.get("b", np.zeros(y.shape[1]))
    y = y + (bias if bias.ndim > 1 else bias.reshape(-1, *(1,) * rank))
    return _activate(options["nonlinearity"], y)


def _pool(layer: Layer, x: Array) -> Array:
    rank, options = x.ndim - 2, layer.options
    sizes, pads = _pair(options["pool_size"], rank), _pair(options["pad"], rank)
    strides = sizes if options["stride"] is None else _pair(options["stride"], rank)
    mode = options.get("mode", "max") if layer.kind.startswith("Pool") else "max"
    counts = [_pooled(n + 2 * p, k, s, options["ignore_border"]) for n, p, k, s in
              zip(x.shape[2:], pads, sizes, strides, strict=True)]  # fmt: skip
    y = np.empty((*x.shape[:2], *counts))
    for place in product(*map(range, counts)):
        starts = [i * s - p for i, s, p in zip(place, strides, pads, strict=True)]
        inside = tuple(slice(max(b, 0), b + k) for b, k in zip(starts, sizes, strict=True))
        window = x[(slice(None), slice(None), *inside)].reshape(*x.shape[:2], -1)
        full = [min(b + k, n + p) - b for b, k, n, p in zip(starts, sizes, x.shape[2:], pads, strict=True)]
        divisor = np.prod(full) if mode == "average_inc_pad" else window.shape[-1]
        y[(slice(None), slice(None), *place)] = window.max(-1) if mode == "max" else window.sum(-1) / divisor
    return y


def _pooled(length: int, size: int, stride: int, ignore_border: bool) -> int:
    if ignore_border:
        return (length - size) // stride + 1
    return -(-length // stride) if stride >= size else max(0, -(-(length - size) // stride)) + 1


def _norm(layer: Layer, x: Array) -> Array:
    spread = (-1, *(1,) * (x.ndim - 2))
    arrays = {name: array.astype(np.float64).reshape(spread) for name, array in layer.arrays.items()}
    return (x - arrays["mean"]) * (arrays.get("gamma", 1.0) * arrays["inv_std"]) + arrays.get("beta", 0.0)


def _local_response(layer: Layer, x: Array) -> Array:
    half, channels = layer.options["n"] // 2, x.shape[1]
    padded = np.pad(x**2, ((0, 0), (half, half), (0, 0), (0, 0)))
    total = sum(padded[:, step : step + channels] for step in range(layer.options["n"]))
    return np.asarray(x / (layer.options["k"] + layer.options["alpha"] * total) ** layer.options["beta"])


def _sum(layer: Layer, *inputs: Array) -> Array:
    factors = _pair(layer.options["coeffs"], len(inputs))
    return np.sum([factor * x for factor, x in zip(factors, inputs, strict=True)], axis=0)


def _global_pool(layer: Layer, x: Array) -> Array:
    flat = x.reshape(*x.shape[:2], -1)
    return flat.max(-1) if layer.options["pool_function"] == "max" else flat.mean(-1)


def _reshape(layer: Layer, x: Array) -> Array:
    lengths = [x.shape[item[0]] if isinstance(item, list | tuple) else item for item in layer.options["shape"]]
    return x.reshape(len(x), *lengths[1:])


FORWARD: Mapping[str, Callable[..., Array]] = {
    "InputLayer": lambda layer, x: x,
    "DenseLayer": _dense,
    "Conv1DLayer": _convolution,
    "Conv2DLayer": _convolution,
    "MaxPool1DLayer": _pool,
    "MaxPool2DLayer": _pool,
    "Pool1DLayer": _pool,
    "Pool2DLayer": _pool,
    "GlobalPoolLayer": _global_pool,
    "BatchNormLayer": _norm,
    "LocalResponseNormalization2DLayer": _local_response,
    "ConcatLayer": lambda layer, *inputs: np.concatenate(inputs, axis=layer.options["axis"]),
    "ElemwiseSumLayer": _sum,
    "DropoutLayer": lambda layer, x: x,
    "GaussianNoiseLayer": lambda layer, x: x,
    "NonlinearityLayer": lambda layer, x: _activate(layer.options["nonlinearity"], x),
    "FlattenLayer": lambda layer, x: x.reshape(len(x), -1),
    "ReshapeLayer": _reshape,
    "DimshuffleLayer": lambda layer, x: x.transpose(layer.options["pattern"]),
}
"""What each layer computes."""
