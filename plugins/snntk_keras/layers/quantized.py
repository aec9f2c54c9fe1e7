"""Builders of layers that train with quantized weights and activations: those of snntk, and of cnn2snn's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, QuantizedRelu, WeightedOp
from snntk_keras.layers.convolution import CONVOLUTIONS
from snntk_keras.layers.dense import DENSE
from snntk_keras.model import Unsupported, Variables, printable
from snntk_keras.translation import Builder, LayerCall, Tensor, finite

LARGEST_SCALE, LEAST_RANGE = 1000.0, 1e-10
MOST_BITS = 24
PER_AXIS = {
    "MaxQuantizer": False,
    "MaxPerAxisQuantizer": True,
    "StdWeightQuantizer": False,
    "StdPerAxisQuantizer": True,
}
"""The weight quantizers of the files, and whether each index of the last axis has a step."""
USUAL_MAX = 6.0


def _bits(config: Mapping[str, Any], least: int) -> int:
    value = config.get("bitwidth", 4)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST_BITS:
        raise Unsupported(f"its bitwidth is {printable(value)!r}, not a whole number from {least} to {MOST_BITS}")
    return value


def on_grid(kernel: Array, quantizer: Any) -> tuple[Array, NumberFormat]:
    """Return a kernel on the grid that a quantizer of the file puts it on, in the arithmetic of Keras, and the grid.

    ``s = min(highest / range, largest_scale)``, ``code = clip(round_half_even(w * s), -highest, highest)``, in float32;
    the step is ``1 / s``.
    """
    kind = printable((quantizer or {}).get("class_name") if isinstance(quantizer, Mapping) else quantizer)
    kind = kind.rpartition(">")[2]
    if kind not in PER_AXIS:
        raise Unsupported(f"its weight quantizer is {kind}; known are {', '.join(PER_AXIS)}")
    config = quantizer.get("config")
    if not isinstance(config, Mapping):
        raise Unsupported("the configuration of its weight quantizer is not a table")
    bits, kernel = _bits(config, 2), kernel.astype(np.float32)
    limit = finite(config.get("largest_scale"), "largest_scale", LARGEST_SCALE)
    shared = tuple(range(kernel.ndim - 1)) if PER_AXIS[kind] else None
    if kind.startswith("Max"):
        reach = np.abs(kernel).max(axis=shared)
    else:
        reach = np.float32(finite(config.get("threshold"), "threshold", 3.0)) * kernel.std(axis=shared)
    highest = np.float32(2 ** (bits - 1) - 1)
    scale = highest / np.maximum(reach, np.float32(LEAST_RANGE))
    scale = np.minimum(scale, np.float32(limit)) if limit else scale
    codes = np.clip(np.rint(kernel * scale), -highest, highest).astype(np.int64)
    axis = -1 if PER_AXIS[kind] and kernel.shape[-1] > 1 else None
    steps = 1 / np.asarray(scale, np.float64)
    found = NumberFormat(bits, steps if axis else steps.reshape(()), axis, quantizer=kind)
    return found.decode(codes), found


def _weighted(plain: Builder, quantizers: tuple[str, ...]) -> Builder:
    """What a float layer becomes, with its kernels on their grids and the grids on its nodes."""

    def build(call: LayerCall) -> Tensor:
        names = [key if call.config.get(key) is not None else "quantizer" for key in quantizers]
        kernels = call.variables.arrays[: len(names)]
        made = [on_grid(kernel, call.config.get(key)) for kernel, key in zip(kernels, names, strict=False)]
        arrays = (*(kernel for kernel, _ in made), *call.variables.arrays[len(names) :])
        nodes, formats = call.translation.nodes, iter([found for _, found in made])
        begin = len(nodes)
        value = plain(replace(call, variables=Variables(arrays, call.variables.names)))
        for index in range(begin, len(nodes)):
            if isinstance(nodes[index].op, WeightedOp):
                nodes[index] = replace(nodes[index], formats={"weight": next(formats)})
        return value

    return build


def _rectified(call: LayerCall, bits: int, largest: float) -> Tensor:
    if not 0 < largest < np.finfo(np.float32).max:
        raise Unsupported(f"its max_value is {largest:g}, which does not lie above 0")
    levels = 2**bits - 1
    step = np.float32(largest / levels)
    value = call.add(QuantizedRelu(step, levels, "half-down"))
    nodes = call.translation.nodes
    nodes[-1] = replace(nodes[-1], formats={"output": NumberFormat(bits, step, signed=False)})
    return value


def _quantized_relu(call: LayerCall) -> Tensor:
    return _rectified(call, _bits(call.config, 1), call.number("max_value", USUAL_MAX))


def _discrete_relu(call: LayerCall) -> Tensor:
    bits = _bits(call.config, 1)
    return _rectified(call, bits, min(2**bits - 1, USUAL_MAX))


OWN: Mapping[str, Builder] = {
    "QuantizedDense": _weighted(DENSE["Dense"], ("quantizer",)),
    "QuantizedConv2D": _weighted(CONVOLUTIONS["Conv2D"], ("quantizer",)),
    "QuantizedDepthwiseConv2D": _weighted(CONVOLUTIONS["DepthwiseConv2D"], ("quantizer",)),
    "QuantizedSeparableConv2D": _weighted(CONVOLUTIONS["SeparableConv2D"], ("quantizer_dw", "quantizer")),
    "QuantizedReLU": _quantized_relu,
    "ActivationDiscreteRelu": _discrete_relu,
}
QUANTIZED: Mapping[str, Builder] = {**OWN, **{f"snntk>{kind}": build for kind, build in OWN.items()}}
"""Builders of quantized layers; a .h5 has the package before the name of a registered class."""
