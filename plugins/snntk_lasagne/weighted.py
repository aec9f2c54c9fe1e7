"""Builders of layers with parameters: Dense, the convolutions and batch normalization."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snntk_core.ops import Array, BatchNorm, Conv1D, Conv2D, Dense, Flatten, Scale
from snntk_core.shapes import Shape
from snntk_lasagne.building import Builder, Building
from snntk_lasagne.geometry import convolution_pads, integer, integers
from snntk_lasagne.layers import Layer
from snntk_lasagne.refusal import Refused


def _array(layer: Layer, name: str, shape: Shape) -> Array | None:
    array = layer.arrays.get(name)
    if array is not None and array.shape != shape:
        raise Refused(f"its {name} has the shape {shape}, but the saved array has {array.shape}")
    return array


def _weight(layer: Layer, shape: Shape) -> Array:
    array = _array(layer, "W", shape)
    if array is None:
        raise Refused("it has no W")
    return array


def _dense(building: Building, layer: Layer, inputs: list[str]) -> str:
    (value,) = inputs
    if layer.options["num_leading_axes"] != 1:
        raise Refused("num_leading_axes other than 1 are not supported")
    if len(building.shapes[value]) > 1:
        value = building.add(f"{layer.name}_flatten", Flatten(), value)
    units = integer(layer.options["num_units"], "num_units")
    weight = _weight(layer, (building.shapes[value][0], units))
    return building.activate(layer, building.add(layer.name, Dense(weight, _array(layer, "b", (units,))), value))


def _convolution(building: Building, layer: Layer, inputs: list[str]) -> str:
    (value,), options = inputs, layer.options
    rank, shape = (1 if layer.kind == "Conv1DLayer" else 2), building.shapes[inputs[0]]
    if len(shape) != rank + 1:
        raise Refused(f"it takes {rank + 1} axes, its input has the shape {shape}")
    kernel, strides = integers(options["filter_size"], "filter_size", rank), integers(options["stride"], "stride", rank)
    filters, groups = integer(options["num_filters"], "num_filters"), integer(options["num_groups"], "num_groups")
    if groups < 1 or shape[0] % groups:
        raise Refused(f"{groups} groups do not divide {shape[0]} channels")
    weight = _weight(layer, (filters, shape[0] // groups, *kernel))
    if options["flip_filters"]:
        weight = np.flip(weight, tuple(range(2, 2 + rank)))
    moved = weight.transpose(*range(2, 2 + rank), 1, 0)
    pads = convolution_pads(options["pad"], kernel)
    kind = Conv1D if rank == 1 else Conv2D
    bias = None if options["untie_biases"] else _array(layer, "b", (filters,))
    tail = building.around(layer.name, kind(moved, bias, strides, pads, groups=groups), value)
    if options["untie_biases"] and "b" in layer.arrays:
        offset = _array(layer, "b", building.shapes[tail])
        tail = building.add(f"{layer.name}_bias", Scale(np.ones((), np.float32), offset), tail)
    return building.activate(layer, tail)


def _norm(building: Building, layer: Layer, inputs: list[str]) -> str:
    (value,), shape = inputs, building.shapes[inputs[0]]
    axes = layer.options["axes"]
    if axes != "auto" and axes != (0, *range(2, len(shape) + 1)) and (axes, len(shape)) != (0, 1):
        raise Refused("axes other than 'auto' are not supported")
    arrays = {name: _array(layer, name, shape[:1]) for name in ("beta", "gamma", "mean", "inv_std")}
    mean, inverse = arrays["mean"], arrays["inv_std"]
    if mean is None or inverse is None:
        raise Refused("it has no mean or no inv_std")
    # with a variance of one the inverse standard deviation is kept as it was saved, and nothing is rounded
    scale = inverse if arrays["gamma"] is None else inverse * arrays["gamma"]
    op = BatchNorm(mean, np.ones_like(mean), scale, arrays["beta"], 0.0)
    return building.around(layer.name, op, value) if len(shape) > 1 else building.add(layer.name, op, value)


WEIGHTED: Mapping[str, Builder] = {
    "DenseLayer": _dense,
    "Conv1DLayer": _convolution,
    "Conv2DLayer": _convolution,
    "BatchNormLayer": _norm,
}
"""Builders of layers with parameters."""
