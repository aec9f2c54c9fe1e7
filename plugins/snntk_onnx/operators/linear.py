"""Builders of weighted operators: Conv, ConvTranspose, Gemm and MatMul."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from snntk_core.number_format import NumberFormat
from snntk_core.ops import Add, Array, Conv1D, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, Scale, Transpose
from snntk_core.shapes import Padding, Pairs, Shape
from snntk_onnx.number_formats import turned
from snntk_onnx.operators.windows import padding, per_axis, spatial_rank
from snntk_onnx.tensors import Unsupported
from snntk_onnx.translation import Call, Tensor


def floating(array: Array) -> Array:
    """Return a constant as floats."""
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def _weight(call: Call, rank: int) -> Array:
    weight = floating(call.constant(1, "weight"))
    if weight.ndim != rank + 2:
        raise Unsupported(f"its weight of shape {weight.shape} does not fit {rank} spatial axes")
    kernel = call.integers("kernel_shape")
    if kernel is not None and kernel != weight.shape[2:]:
        raise Unsupported(f"the attribute kernel_shape is {list(kernel)}, but the weight has the shape {weight.shape}")
    return weight


def _bias(call: Call, units: int) -> Array | None:
    if not call.given(2):
        return None
    bias = floating(call.constant(2, "bias"))
    if bias.shape != (units,):
        raise Unsupported(f"its bias of shape {bias.shape} does not fit {units} outputs")
    return bias


def _conv(call: Call) -> Tensor:
    value = call.tensor()
    rank = spatial_rank(value)
    weight, groups = _weight(call, rank), call.integer("group", 1)
    bias, channels = _bias(call, len(weight)), value.shape[0]
    strides, dilation = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    pads = padding(call, rank)
    order = (2, 1, 0) if rank == 1 else (2, 3, 1, 0)
    formats = {"weight": turned(call.format(1), order), "bias": call.format(2)}
    if rank == 1:
        return call.add_channels_first(
            Conv1D(weight.transpose(order), bias, strides, pads, dilation, groups), value, formats
        )
    if groups == channels > 1 and weight.shape[1] == 1 and len(weight) % channels == 0:
        kernels = weight.reshape(channels, -1, *weight.shape[2:]).transpose(2, 3, 0, 1)
        formats["weight"] = _of_channels(call, kernels.shape[3])
        return call.add_channels_first(DepthwiseConv2D(kernels, bias, strides, pads, dilation), value, formats)
    moved = weight.transpose(order)
    return call.add_channels_first(Conv2D(moved, bias, strides, pads, dilation, groups), value, formats)


def _of_channels(call: Call, multiplier: int) -> NumberFormat | None:
    """The format of a depthwise kernel, whose outputs are two axes: channels, and kernels of each."""
    found = call.format(1)
    if found is None or found.axis is None:
        return found
    if multiplier > 1 or found.axis != 0:
        return call.note("its scale varies between the kernels of a channel")
    return replace(found, axis=2)


def _conv_transpose(call: Call) -> Tensor:
    value = call.tensor()
    rank = spatial_rank(value)
    if rank != 2:
        raise Unsupported("transposed convolutions are supported with two spatial axes only")
    weight, groups = _weight(call, rank), call.integer("group", 1)
    if groups < 1 or len(weight) % groups:
        raise Unsupported(f"its weight of shape {weight.shape} does not fit {groups} groups")
    inner, outer, *kernel = weight.shape
    parts = weight.reshape(groups, inner // groups, outer, *kernel).transpose(3, 4, 1, 0, 2)
    moved = parts.reshape(*kernel, inner // groups, groups * outer)
    strides, dilation = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    extra = call.integers("output_padding") or (0, 0)
    crops = _crops(call, value.shape[1:], tuple(kernel), strides, dilation, extra)
    bias = _bias(call, groups * outer)
    found = call.format(1)
    if groups > 1 and found is not None and found.axis is not None:
        found = call.note("its scale varies within groups")
    formats = {"weight": turned(found, (2, 3, 0, 1)), "bias": call.format(2)}
    op = ConvTranspose2D(moved, bias, strides, crops, extra, dilation, groups)
    return call.add_channels_first(op, value, formats)


def _crops(call: Call, lengths: Shape, kernel: Shape, strides: Shape, dilation: Shape, extra: Shape) -> Padding:
    """What is cropped from the full output: given, or so that the output has the length that is asked for."""
    mode, wanted = call.text("auto_pad", "NOTSET"), call.integers("output_shape")
    if wanted is None and mode not in ("SAME_UPPER", "SAME_LOWER"):
        return padding(call, len(kernel))
    wanted = wanted[-len(lengths) :] if wanted else tuple(n * s for n, s in zip(lengths, strides, strict=True))
    crops: Pairs = ()
    for n, k, s, d, more, length in zip(lengths, kernel, strides, dilation, extra, wanted, strict=True):
        total = (n - 1) * s + d * (k - 1) + 1 + more - length
        if total < 0:
            raise Unsupported(f"an output longer than its windows reach ({length}) is not supported")
        less, rest = total // 2, total - total // 2
        crops += ((less, rest) if mode == "SAME_UPPER" else (rest, less),)
    return crops


def _gemm(call: Call) -> Tensor:
    value = call.tensor()
    if call.integer("transA", 0):
        raise Unsupported("it transposes its input, which mixes the samples of a batch")
    if len(value.shape) != 1:
        raise Unsupported(f"it takes flat features, but its input has the shape {value.shape}")
    weight = floating(call.constant(1, "weight"))
    if weight.ndim != 2:
        raise Unsupported(f"its weight has the shape {weight.shape}, but a matrix was expected")
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    weight = weight.T if call.integer("transB", 0) else weight
    weight = weight if alpha == 1 else weight * weight.dtype.type(alpha)
    formats = {"weight": turned(call.format(1), (1, 0) if call.integer("transB", 0) else (0, 1))}
    if not call.given(2):
        return call.add(Dense(weight), value, formats=formats)
    if isinstance(call.inputs[2], Tensor):
        product, other = call.add(Dense(weight), value, formats=formats), call.tensor(2)
        other = other if beta == 1 else call.add(Scale(np.array(beta)), other, suffix="_scaled")
        return call.add(Add(), product, other, suffix="_sum")
    bias = floating(call.constant(2, "bias"))
    bias = vector(bias if beta == 1 else bias * bias.dtype.type(beta), weight.shape[1])
    return call.add(Dense(weight, bias), value, formats=formats | {"bias": of_vector(call.format(2))})


def of_vector(number_format: NumberFormat | None) -> NumberFormat | None:
    """Return the format of a bias from that of a constant of any rank, of which it is the last axis."""
    varies = number_format is not None and number_format.axis is not None
    return replace(number_format, axis=0) if number_format is not None and varies else number_format


def vector(bias: Array, units: int) -> Array:
    """Return a constant as a bias of ``units``.  Raises `Unsupported` where it is more than a vector."""
    if bias.size not in (1, units) or bias.size != prod(bias.shape[-1:]):
        raise Unsupported(f"its bias of shape {bias.shape} does not fit {units} outputs")
    return np.broadcast_to(bias.reshape(-1), (units,))


def _matmul(call: Call) -> Tensor:
    if isinstance(call.inputs[0], np.ndarray):
        value, weight = call.tensor(1), _matrix(call, 0, call.tensor(1))
        if len(value.shape) != 2:
            raise Unsupported("a constant on its left side mixes the samples of a batch")
        sideways = call.add(Transpose((1, 0)), value, suffix="_turned")
        if call.format(0) is not None:
            call.note("it stands on the left side")
        return call.add(Transpose((1, 0)), call.add(Dense(weight.T), sideways), suffix="_result")
    value = call.tensor()
    if not value.shape:
        raise Unsupported("its input holds one number for each sample, but features were expected")
    matrix, found = _matrix(call, 1, value), call.format(1)
    if found is not None and found.axis is not None:
        found = replace(found, axis=found.axis - call.constant(1, "weight").ndim)
    return call.add(Dense(matrix), value, formats={"weight": found})


def _matrix(call: Call, index: int, value: Tensor) -> Array:
    weight = floating(call.constant(index, "weight"))
    if weight.ndim < 2 or weight.ndim > max(len(value.shape) + 1, 2) or prod(weight.shape[:-2]) != 1:
        raise Unsupported(f"its weight has the shape {weight.shape}, but one matrix was expected")
    return weight.reshape(weight.shape[-2:])


LINEAR = {"Conv": _conv, "ConvTranspose": _conv_transpose, "Gemm": _gemm, "MatMul": _matmul}
"""Builders of weighted operators."""
