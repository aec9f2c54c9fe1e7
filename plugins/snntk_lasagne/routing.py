"""Builders of layers without parameters: input, pooling, joining and reordering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snntk_core.ops import (
    Add,
    AveragePool,
    Concat,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Input,
    LocalResponseNormalization,
    MaxPool,
    Op,
    Reshape,
    Scale,
    Transpose,
)
from snntk_lasagne.building import Builder, Building
from snntk_lasagne.geometry import axis_order, integer, integers, pads_of, reshaped
from snntk_lasagne.layers import Layer
from snntk_lasagne.refusal import Refused


def _input(building: Building, layer: Layer, inputs: list[str]) -> str:
    shape = layer.options["shape"]
    if not isinstance(shape, list | tuple) or len(shape) < 2:
        raise Refused("an InputLayer has a shape with the batch first, such as (None, 1, 28, 28)")
    lengths = integers(shape[1:], "shape")
    if min(lengths) < 1:
        raise Refused(f"the shape {lengths} of a sample is empty")
    return building.add(layer.name, Input(lengths))


def _pool(building: Building, layer: Layer, inputs: list[str]) -> str:
    rank, options = (1 if "1D" in layer.kind else 2), layer.options
    kernel = integers(options["pool_size"], "pool_size", rank)
    strides = kernel if options["stride"] is None else integers(options["stride"], "stride", rank)
    pads, ceil, mode = pads_of(integers(options["pad"], "pad", rank)), not options["ignore_border"], "max"
    if layer.kind.startswith("Pool"):
        mode = options["mode"]
    if ceil and any(before for before, _ in pads):
        raise Refused("padding with ignore_border=False is not possible in Lasagne either")
    if mode == "max":
        return building.around(layer.name, MaxPool(kernel, strides, pads, ceil), inputs[0])
    if mode not in ("average_inc_pad", "average_exc_pad"):
        raise Refused(f"the mode {mode!r} is not supported; 'max', 'average_inc_pad' and 'average_exc_pad' are")
    op = AveragePool(kernel, strides, pads, ceil, mode == "average_inc_pad")
    return building.around(layer.name, op, inputs[0])


def _global_pool(building: Building, layer: Layer, inputs: list[str]) -> str:
    kinds: Mapping[Any, Op] = {"mean": GlobalAveragePool(keep_axes=True), "max": GlobalMaxPool(keep_axes=True)}
    function = layer.options["pool_function"]
    if not isinstance(function, str) or function not in kinds:
        raise Refused("its pool_function is not the mean or the maximum")
    return building.add(f"{layer.name}_flatten", Flatten(), building.around(layer.name, kinds[function], inputs[0]))


def _local_response(building: Building, layer: Layer, inputs: list[str]) -> str:
    size, numbers = integer(layer.options["n"], "n"), [layer.options[key] for key in ("alpha", "beta", "k")]
    if size < 1 or size % 2 == 0:
        raise Refused(f"its n is {size}; Lasagne takes odd numbers only")
    if not all(isinstance(number, int | float) for number in numbers):
        raise Refused("its alpha, beta and k are not all numbers")
    alpha, beta, bias = map(float, numbers)  # of the sum in Lasagne, of the mean in the vocabulary
    return building.around(layer.name, LocalResponseNormalization(size, alpha * size, beta, bias), inputs[0])


def _sum(building: Building, layer: Layer, inputs: list[str]) -> str:
    _refuse_cropping(layer)
    given = layer.options["coeffs"]
    factors = list(given) if isinstance(given, list | tuple) else [given] * len(inputs)
    if len(factors) != len(inputs) or not all(isinstance(factor, int | float) for factor in factors):
        raise Refused("its coeffs are not one number for each input")
    scaled = [
        value if factor == 1 else building.add(f"{layer.name}_times", Scale(np.float32(factor)), value)
        for value, factor in zip(inputs, factors, strict=True)
    ]
    return building.add(layer.name, Add(), *scaled)


def _concat(building: Building, layer: Layer, inputs: list[str]) -> str:
    _refuse_cropping(layer)
    axis, rank = integer(layer.options["axis"], "axis"), len(building.shapes[inputs[0]]) + 1
    if axis % rank == 0 or not -rank <= axis < rank:
        raise Refused(f"it joins along axis {axis}, which is the batch or none of {rank} axes")
    return building.add(layer.name, Concat(axis % rank - 1), *inputs)


def _refuse_cropping(layer: Layer) -> None:
    cropping = layer.options["cropping"]
    if cropping is not None and any(how is not None for how in cropping):
        raise Refused("cropping is not supported")


def _flatten(building: Building, layer: Layer, inputs: list[str]) -> str:
    if layer.options["outdim"] != 2:
        raise Refused("an outdim other than 2 is not supported")
    return building.add(layer.name, Flatten(), inputs[0])


def _reshape(building: Building, layer: Layer, inputs: list[str]) -> str:
    return building.add(layer.name, Reshape(reshaped(layer.options["shape"], building.shapes[inputs[0]])), inputs[0])


def _turn(building: Building, layer: Layer, inputs: list[str]) -> str:
    order = axis_order(layer.options["pattern"], len(building.shapes[inputs[0]]))
    return building.add(layer.name, Transpose(order), inputs[0])


def _dropout(building: Building, layer: Layer, inputs: list[str]) -> str:
    return building.add(layer.name, Dropout(), inputs[0])


ROUTING: Mapping[str, Builder] = {
    "InputLayer": _input,
    "MaxPool1DLayer": _pool,
    "MaxPool2DLayer": _pool,
    "Pool1DLayer": _pool,
    "Pool2DLayer": _pool,
    "GlobalPoolLayer": _global_pool,
    "LocalResponseNormalization2DLayer": _local_response,
    "ConcatLayer": _concat,
    "ElemwiseSumLayer": _sum,
    "DropoutLayer": _dropout,
    "GaussianNoiseLayer": _dropout,
    "NonlinearityLayer": lambda building, layer, inputs: building.activate(layer, inputs[0]),
    "FlattenLayer": _flatten,
    "ReshapeLayer": _reshape,
    "DimshuffleLayer": _turn,
}
"""Builders of layers without parameters."""
