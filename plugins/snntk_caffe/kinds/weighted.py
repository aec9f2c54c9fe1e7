"""Builders of layers with synapses: Convolution, Deconvolution and InnerProduct."""

from __future__ import annotations

from typing import Any

from snntk_caffe.geometry import Window, convolution_window
from snntk_caffe.refusal import Unsupported
from snntk_caffe.translation import Call, fitted
from snntk_core.ops import Array
from snntk_core.shapes import Shape, size


def _with_bias(weight: Array, arrays: tuple[Array, ...], units: int) -> tuple[Array, ...]:
    return weight, *(fitted(array, (units,), "bias") for array in arrays[1:])


def _attributes(window: Window, group: int) -> dict[str, Any]:
    return {
        "kernel_shape": window.kernel,
        "strides": window.stride,
        "pads": window.pad * 2,
        "dilations": window.dilation,
        "group": group,
    }


def _convolution_parameters(window: Window, units: int, group: int) -> dict[str, Any]:
    names = ("kernel_h", "kernel_w", "stride_h", "stride_w", "pad_h", "pad_w")
    numbers = (*window.kernel, *window.stride, *window.pad)
    return {"convolution_param": {"num_output": units, "group": group, **dict(zip(names, numbers, strict=True))}}


def _opened(call: Call) -> tuple[Any, Window, int]:
    parameters = call.parameters("convolution_param")
    if call.axis(parameters.axis) != 0:
        raise Unsupported(f"its channels are on the axis {parameters.axis}; only 1 is supported")
    return parameters, convolution_window(parameters), parameters.num_output


def _convolution(call: Call) -> str:
    channels, *lengths = call.image
    parameters, window, units = _opened(call)
    group = channels if call.layer.kind == "ConvolutionDepthwise" else parameters.group
    if group < 1 or channels % group or units % group or units < 1:
        raise Unsupported(f"{channels} channels and {units} outputs do not make {group} groups")
    arrays = call.arrays(1 + parameters.bias_term)
    weight = fitted(arrays[0], (units, channels // group, *window.kernel), "kernel")
    return call.add(
        "Convolution",
        (units, *window.counts(tuple(lengths))),
        parameters=_convolution_parameters(window, units, group),
        arrays=_with_bias(weight, arrays, units),
        attributes=_attributes(window, group),
    )


def _deconvolution(call: Call) -> str:
    channels, *lengths = call.image
    parameters, window, units = _opened(call)
    group = parameters.group
    if group < 1 or channels % group or units % group or units < 1:
        raise Unsupported(f"{channels} channels and {units} outputs do not make {group} groups")
    arrays = call.arrays(1 + parameters.bias_term)
    weight = fitted(arrays[0], (channels, units // group, *window.kernel), "kernel")
    grown: Shape = tuple(
        (length - 1) * window.stride[axis]
        + window.dilation[axis] * (window.kernel[axis] - 1)
        + 1
        - 2 * window.pad[axis]
        for axis, length in enumerate(lengths)
    )
    return call.add(
        "Deconvolution",
        (units, *grown),
        parameters=_convolution_parameters(window, units, group),
        arrays=_with_bias(weight, arrays, units),
        attributes=_attributes(window, group),
    )


def _inner_product(call: Call) -> str:
    parameters, shape = call.parameters("inner_product_param"), call.shape
    if call.axis(parameters.axis) != 0:
        raise Unsupported(f"it keeps the axes before {parameters.axis}; only 1 is supported")
    units, features = parameters.num_output, size(shape)
    arrays = call.arrays(1 + parameters.bias_term)
    if parameters.transpose:
        weight = fitted(arrays[0], (features, units), "weight").T.copy()
    else:
        weight = fitted(arrays[0], (units, features), "weight")
    inputs = call.inputs
    if len(shape) > 1:
        inputs = (call.add("Flatten", (features,), suffix="_flat", op="Flatten", attributes={"axis": 1}),)
    return call.add(
        "InnerProduct",
        (units,),
        inputs,
        parameters={"inner_product_param": {"num_output": units}},
        arrays=_with_bias(weight, arrays, units),
    )


WEIGHTED = {
    "Convolution": _convolution,
    "ConvolutionDepthwise": _convolution,
    "Deconvolution": _deconvolution,
    "InnerProduct": _inner_product,
}
"""Builders of layers with synapses."""
