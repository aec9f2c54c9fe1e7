"""Builders of convolutions: full, depthwise, separable and transposed, over one or two axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snntk_core.ops import Array, Conv1D, Conv2D, ConvTranspose2D, DepthwiseConv2D, Op
from snntk_core.shapes import Padding, Shape
from snntk_keras.layers.activation import with_activation
from snntk_keras.layers.dense import kernel_and_bias
from snntk_keras.model import Unsupported, Variables, printable
from snntk_keras.translation import LENGTH, Builder, LayerCall, Tensor


def padding_of(call: LayerCall, kernel: Shape, dilation: Shape) -> Padding:
    """Return the padding that a layer asks for; ``causal`` puts all of it before the data."""
    padding = call.config.get("padding") or "valid"
    match padding:
        case "valid" | "same":
            return padding  # type: ignore[no-any-return]
        case "causal" if len(kernel) == 1:
            return ((dilation[0] * (kernel[0] - 1), 0),)
    raise Unsupported(f"its padding is {printable(padding)!r}")


def _windows(call: LayerCall, rank: int) -> tuple[Shape, Shape, Shape, Padding]:
    """Kernel, strides, dilation and padding."""
    call.require_rank(rank)
    kernel = call.window("kernel_size", rank)
    strides = call.window("strides", rank, 1)
    dilation = call.window("dilation_rate", rank, 1)
    return kernel, strides, dilation, padding_of(call, kernel, dilation)


def _conv(call: LayerCall, rank: int) -> Tensor:
    kernel, strides, dilation, padding = _windows(call, rank)
    filters, groups = call.integer("filters"), call.integer("groups", 1)
    shape = (*kernel, call.channels // groups, filters)
    call = _oriented(call, shape)
    weight, bias = kernel_and_bias(call, shape, filters)
    kind = Conv2D if rank == 2 else Conv1D
    return with_activation(call, call.add_spatial(kind(weight, bias, strides, padding, dilation, groups)))


def _oriented(call: LayerCall, shape: Shape) -> LayerCall:
    """The call with its kernel as Keras 2 keeps it: Keras 1 kept (length, 1, in, out), and Theano (out, in, ...)."""
    if call.version > 1 or not call.variables.arrays:
        return call
    first, *rest = call.variables.arrays
    if len(shape) == 4 and first.shape != shape and first.shape == (shape[3], shape[2], *shape[:2]):
        first = first.transpose(2, 3, 1, 0)
    elif len(shape) == 3 and first.ndim == 4 and first.shape[1] == 1:
        first = first[:, 0]
    if call.translation.backend == "theano":  # it convolved, so its kernels are turned by half
        first = np.flip(first, tuple(range(len(shape) - 2)))
    return replace(call, variables=Variables((first, *rest), call.variables.names))


def _depthwise_kernel(call: LayerCall, kernel: Shape, multiplier: int) -> tuple[Array, Array | None]:
    units = call.channels * multiplier
    return kernel_and_bias(call, (*kernel, call.channels, multiplier), units)


def _depthwise_op(
    weight: Array, bias: Array | None, strides: Shape, padding: Padding, dilation: Shape
) -> Conv1D | DepthwiseConv2D:
    if weight.ndim == 4:
        return DepthwiseConv2D(weight, bias, strides, padding, dilation)
    length, channels, multiplier = weight.shape
    return Conv1D(weight.reshape(length, 1, channels * multiplier), bias, strides, padding, dilation, channels)


def _depthwise(call: LayerCall, rank: int) -> Tensor:
    kernel, strides, dilation, padding = _windows(call, rank)
    weight, bias = _depthwise_kernel(call, kernel, call.integer("depth_multiplier", 1))
    return with_activation(call, call.add_spatial(_depthwise_op(weight, bias, strides, padding, dilation)))


def _separable(call: LayerCall, rank: int) -> Tensor:
    """A depthwise convolution, then one of width one; two nodes."""
    kernel, strides, dilation, padding = _windows(call, rank)
    filters, multiplier = call.integer("filters"), call.integer("depth_multiplier", 1)
    biased = call.flag("use_bias", True)
    call.expect_arrays(2 + biased)
    units = call.channels * multiplier
    depthwise = call.array(0, (*kernel, call.channels, multiplier), "depthwise kernel")
    pointwise = call.array(1, (*(1,) * rank, units, filters), "pointwise kernel")
    bias = call.array(2, (filters,), "bias") if biased else None
    first = _depthwise_op(depthwise, None, strides, padding, dilation)
    last: Op = Conv2D(pointwise, bias) if rank == 2 else Conv1D(pointwise, bias)
    value = call.add_spatial(first, suffix="_depthwise")
    return with_activation(call, call.add_spatial(last, value))


def _transposed(call: LayerCall) -> Tensor:
    kernel, strides, dilation, padding = _windows(call, 2)
    filters = call.integer("filters")
    weight, bias = kernel_and_bias(call, (*kernel, filters, call.channels), filters)
    extra = call.config.get("output_padding")
    added = [None, None] if extra is None else extra if isinstance(extra, list) else [extra, extra]
    if len(added) != 2 or any(
        type(n) is not int or not 0 <= n < s for n, s in zip(added, strides, strict=True) if n is not None
    ):
        raise Unsupported(f"its output_padding is {printable(extra)}, which does not fit its strides {strides}")
    crops, tails = [], []
    for k, s, d, more in zip(kernel, strides, dilation, added, strict=True):
        before, after = _crop(d * (k - 1) + 1, s, more, padding == "same")
        crops.append((before, max(after, 0)))
        tails.append(max(-after, 0))
    op = ConvTranspose2D(weight.swapaxes(2, 3), bias, strides, tuple(crops), tuple(tails), dilation)
    return with_activation(call, call.add_spatial(op))


def _crop(kernel: int, stride: int, more: int | None, same: bool) -> tuple[int, int]:
    """What Keras leaves off the full output before and after; a negative number is what it adds."""
    if more is None:
        total = kernel - stride if same else min(kernel - stride, 0)
    else:
        total = 2 * (kernel // 2) - more if same else -more
    before = max(total, 0) // 2
    if abs(total) > LENGTH:
        raise Unsupported("its output is cropped too far")
    return before, total - before


CONVOLUTIONS: Mapping[str, Builder] = {
    "Conv1D": lambda call: _conv(call, 1),
    "Conv2D": lambda call: _conv(call, 2),
    "SparseConv2D": lambda call: _conv(call, 2),
    "DepthwiseConv1D": lambda call: _depthwise(call, 1),
    "DepthwiseConv2D": lambda call: _depthwise(call, 2),
    "SparseDepthwiseConv2D": lambda call: _depthwise(call, 2),
    "SeparableConv1D": lambda call: _separable(call, 1),
    "SeparableConv2D": lambda call: _separable(call, 2),
    "Conv2DTranspose": _transposed,
}
"""Builders of convolutions."""
