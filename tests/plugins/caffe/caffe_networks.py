"""Caffe networks as lists of layers: written as files, and computed in numpy as Caffe's layers are documented.

A layer: {"name", "type", "bottom": [...], "top": [...], "blobs": [...], and a group of parameters such as
"convolution_param": {...}}.  The first is {"type": "Input", "shape": (channels, height, width)}.

Caffe itself cannot be had any more.  This file is what the conversion is held to: plain loops over the published
semantics, which share no code with the parser.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from snntk_caffe import CaffeParser
from snntk_caffe.messages import classes

MISSING = CaffeParser.missing()
needs_caffe = pytest.mark.skipif(
    bool(MISSING), reason=f"{', '.join(MISSING)} is not installed; run: {CaffeParser.install}"
)

WORDS = {"MAX", "AVE", "STOCHASTIC", "SUM", "PROD", "CEIL", "FLOOR", "TRAIN", "TEST", "WITHIN_CHANNEL"}


def layer(kind, name, bottom, top=None, blobs=(), **groups):
    """Return a layer; ``bottom`` and ``top`` are names separated by spaces."""
    return {
        "type": kind,
        "name": name,
        "bottom": bottom.split(),
        "top": (top or name).split(),
        "blobs": [np.asarray(blob, np.float32) for blob in blobs],
        **groups,
    }


def data(*shape):
    """Return the layer that data comes in by."""
    return {"type": "Input", "name": "data", "bottom": [], "top": ["data"], "blobs": [], "shape": shape}


def spelled(value):
    """Return a parameter as text."""
    if isinstance(value, str) and value not in WORDS:
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def group_text(name, fields):
    """Return a group of parameters as text."""
    parts = []
    for key, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            parts.append(group_text(key, item) if isinstance(item, dict) else f"{key}: {spelled(item)}")
    return f"{name} {{ {' '.join(parts)} }}"


def prototxt(layers):
    """Return a network as text."""
    lines = []
    for item in layers:
        fields = {"name": item["name"], "type": item["type"], "bottom": item["bottom"], "top": item["top"]}
        if item["type"] == "Input":
            fields["input_param"] = {"shape": {"dim": [1, *item["shape"]]}}
        fields |= {
            key: value for key, value in item.items() if isinstance(value, dict) or key in ("include", "exclude")
        }
        lines.append(group_text("layer", fields))
    return "\n".join(lines)


def caffemodel(layers):
    """Return the weights of a network as bytes."""
    made = [
        {"name": item["name"], "blobs": [{"shape": {"dim": b.shape}, "data": b.reshape(-1)} for b in item["blobs"]]}
        for item in layers
    ]
    return classes().NetParameter(layer=made).SerializeToString()


def save(folder: Path, layers) -> tuple[Path, Path]:
    """Write both files of a network and return their paths."""
    network, weights = folder / "net.prototxt", folder / "net.caffemodel"
    network.write_text(prototxt(layers), encoding="utf-8")
    weights.write_bytes(caffemodel(layers))
    return network, weights


# -- what Caffe computes ---------------------------------------------------------------------------------------------


def semantics(layers, x):
    """Return the last layer's output for a batch, in float64, and the largest value on the way to it."""
    blobs = {layers[0]["top"][0]: np.asarray(x, np.float64)}
    largest = 0.0
    for item in layers[1:]:
        outputs = COMPUTE[item["type"]](item, *(blobs[name] for name in item["bottom"]))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,) * len(item["top"])
        blobs |= dict(zip(item["top"], outputs, strict=False))
        largest = max(largest, *(np.abs(output).max() for output in outputs))
    return blobs[layers[-1]["top"][0]], largest


def weights(item):
    return [blob.astype(np.float64) for blob in item["blobs"]]


def two(fields, plain, stem, default):
    """A parameter along both axes."""
    if f"{stem}_h" in fields:
        return fields[f"{stem}_h"], fields[f"{stem}_w"]
    value = fields.get(plain, default)
    value = value if isinstance(value, list) else [value]
    return value[0], value[-1]


def convolution(item, x):
    p = item["convolution_param"]
    (kh, kw), (sh, sw) = two(p, "kernel_size", "kernel", 0), two(p, "stride", "stride", 1)
    (ph, pw), (dh, dw) = two(p, "pad", "pad", 0), two(p, "dilation", "dilation", 1)
    weight, *bias = weights(item)
    groups, units = p.get("group", 1), p["num_output"]
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    high = (padded.shape[2] - (dh * (kh - 1) + 1)) // sh + 1
    wide = (padded.shape[3] - (dw * (kw - 1) + 1)) // sw + 1
    y = np.zeros((len(x), units, high, wide))
    for unit in range(units):
        first = unit // (units // groups) * weight.shape[1]
        for i in range(high):
            for j in range(wide):
                rows, columns = i * sh + dh * np.arange(kh), j * sw + dw * np.arange(kw)
                seen = padded[:, first : first + weight.shape[1]][:, :, rows][..., columns]
                y[:, unit, i, j] = (seen * weight[unit]).sum((1, 2, 3)) + (bias[0][unit] if bias else 0)
    return y


def deconvolution(item, x):
    p = item["convolution_param"]
    (kh, kw), (sh, sw) = two(p, "kernel_size", "kernel", 0), two(p, "stride", "stride", 1)
    ph, pw = two(p, "pad", "pad", 0)
    weight, *bias = weights(item)
    groups, units = p.get("group", 1), p["num_output"]
    each = units // groups
    y = np.zeros((len(x), units, (x.shape[2] - 1) * sh + kh, (x.shape[3] - 1) * sw + kw))
    for channel in range(x.shape[1]):
        first = channel // (x.shape[1] // groups) * each
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                spread = x[:, channel, i, j, None, None, None] * weight[channel]
                y[:, first : first + each, i * sh : i * sh + kh, j * sw : j * sw + kw] += spread
    y = y[:, :, ph : y.shape[2] - ph, pw : y.shape[3] - pw]
    return y + (bias[0][:, None, None] if bias else 0)


def pooling(item, x):
    p = item["pooling_param"]
    height, width = x.shape[2:]
    if p.get("global_pooling"):
        (kh, kw), (sh, sw), (ph, pw) = (height, width), (1, 1), (0, 0)
    else:
        (kh, kw), (sh, sw) = two(p, "kernel_size", "kernel", 0), two(p, "stride", "stride", 1)
        ph, pw = two(p, "pad", "pad", 0)
    rounding = math.floor if p.get("round_mode") == "FLOOR" else math.ceil
    high = rounding((height + 2 * ph - kh) / sh) + 1
    wide = rounding((width + 2 * pw - kw) / sw) + 1
    if ph or pw:
        high -= (high - 1) * sh >= height + ph
        wide -= (wide - 1) * sw >= width + pw
    y = np.zeros((*x.shape[:2], high, wide))
    for i in range(high):
        for j in range(wide):
            top, left = i * sh - ph, j * sw - pw
            bottom, right = min(top + kh, height + ph), min(left + kw, width + pw)
            count = (bottom - top) * (right - left)
            seen = x[:, :, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
            y[:, :, i, j] = seen.max((2, 3)) if p.get("pool", "MAX") == "MAX" else seen.sum((2, 3)) / count
    return y


def inner_product(item, x):
    weight, *bias = weights(item)
    weight = weight if item["inner_product_param"].get("transpose") else weight.T
    return x.reshape(len(x), -1) @ weight + (bias[0] if bias else 0)


def along(array, x):
    """An array of channels as one that meets a blob."""
    return array.reshape(1, -1, *(1 for _ in x.shape[2:]))


def batch_norm(item, x):
    mean, variance, factor = weights(item)
    scale = 1 / factor[0] if factor[0] else 0
    epsilon = item.get("batch_norm_param", {}).get("eps", 1e-5)
    return (x - along(mean * scale, x)) / np.sqrt(along(variance * scale, x) + epsilon)


def factors(group):
    def compute(item, x):
        axis = item.get(group, {}).get("axis", 1)
        spread = [b.reshape((1,) * axis + b.shape + (1,) * (x.ndim - axis - b.ndim)) for b in weights(item)]
        if group == "bias_param":
            return x + spread[0]
        return x * spread[0] + (spread[1] if len(spread) > 1 else 0)

    return compute


def eltwise(item, *xs):
    p = item.get("eltwise_param", {})
    operation = p.get("operation", "SUM")
    if operation == "SUM":
        return sum(c * x for c, x in zip(p.get("coeff", [1] * len(xs)), xs, strict=True))
    return np.prod(xs, axis=0) if operation == "PROD" else np.max(xs, axis=0)


def softmax(item, x):
    axis = item.get("softmax_param", {}).get("axis", 1)
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def local_response(item, x):
    """The published definition: local_size channels around each, their squares averaged with zeros outside."""
    p = {"local_size": 5, "alpha": 1.0, "beta": 0.75, "k": 1.0, **item.get("lrn_param", {})}
    half, y = p["local_size"] // 2, np.empty_like(x)
    for channel in range(x.shape[1]):
        near = x[:, max(channel - half, 0) : channel + half + 1]
        y[:, channel] = x[:, channel] / (p["k"] + p["alpha"] / p["local_size"] * (near**2).sum(1)) ** p["beta"]
    return y


def power(item, x):
    p = item.get("power_param", {})
    return p.get("shift", 0) + p.get("scale", 1) * x


def reshape(item, x):
    dims = item["reshape_param"]["shape"]["dim"]
    return x.reshape([n or x.shape[axis] for axis, n in enumerate(dims)])


COMPUTE = {
    "Convolution": convolution,
    "Deconvolution": deconvolution,
    "Pooling": pooling,
    "InnerProduct": inner_product,
    "BatchNorm": batch_norm,
    "Scale": factors("scale_param"),
    "Bias": factors("bias_param"),
    "LRN": local_response,
    "Power": power,
    "Eltwise": eltwise,
    "Concat": lambda item, *xs: np.concatenate(xs, item.get("concat_param", {}).get("axis", 1)),
    "ReLU": lambda item, x: np.where(x > 0, x, item.get("relu_param", {}).get("negative_slope", 0) * x),
    "PReLU": lambda item, x: np.where(x > 0, x, along(weights(item)[0], x) * x),
    "ReLU6": lambda item, x: np.clip(x, 0, 6),
    "Sigmoid": lambda item, x: 1 / (1 + np.exp(-x)),
    "TanH": lambda item, x: np.tanh(x),
    "Softmax": softmax,
    "Flatten": lambda item, x: x.reshape(len(x), -1),
    "Reshape": reshape,
    "Dropout": lambda item, x: x,
    "Split": lambda item, x: x,
}
