"""The shape of what a layer gives, batch first, as a script that builds asks for it: ``layer.output_shape``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snntk_core.errors import ShapeError
from snntk_core.shapes import Shape, size, window_counts
from snntk_lasagne.geometry import axis_order, convolution_pads, integer, integers, pads_of, reshaped
from snntk_lasagne.layers import Call, all_layers
from snntk_lasagne.refusal import Refused

Batched = tuple[Any, ...]
"""The batch's length, or None where it is free, and the shape of a sample."""


def output_shape(call: Call) -> Batched:
    """Return the shape that a layer gives.  Raises `Refused` where its options tell none."""
    shapes: dict[Call, Batched] = {}
    for layer in all_layers(call):
        inputs = [shapes[source] for source in layer.incoming]
        try:
            shapes[layer] = SHAPES.get(layer.kind, _same)(layer.options, *inputs)
        except (TypeError, ValueError, IndexError, KeyError, ShapeError) as error:
            raise Refused(f"the output_shape of {layer.kind} cannot be told", layer.place) from error
    return shapes[call]


def _same(options: Mapping[str, Any], shape: Batched) -> Batched:
    return shape


def _input(options: Mapping[str, Any]) -> Batched:
    return tuple(options["shape"])


def _convolution(options: Mapping[str, Any], shape: Batched) -> Batched:
    lengths = shape[2:]
    kernel, strides = (integers(options[key], key, len(lengths)) for key in ("filter_size", "stride"))
    ones = (1,) * len(lengths)
    counts = window_counts(lengths, kernel, strides, convolution_pads(options["pad"], kernel), ones)
    return (shape[0], integer(options["num_filters"], "num_filters"), *counts)


def _pool(options: Mapping[str, Any], shape: Batched) -> Batched:
    lengths = shape[2:]
    kernel = integers(options["pool_size"], "pool_size", len(lengths))
    strides = kernel if options["stride"] is None else integers(options["stride"], "stride", len(lengths))
    pads, ones = pads_of(integers(options["pad"], "pad", len(lengths))), (1,) * len(lengths)
    return (*shape[:2], *window_counts(lengths, kernel, strides, pads, ones, ceil=not options["ignore_border"]))


def _concatenation(options: Mapping[str, Any], *shapes: Batched) -> Batched:
    joined = list(shapes[0])
    joined[options["axis"]] = sum(shape[options["axis"]] for shape in shapes)
    return tuple(joined)


def _reshaped(options: Mapping[str, Any], shape: Batched) -> Batched:
    return (shape[0], *reshaped(options["shape"], shape[1:]))


def _turned(options: Mapping[str, Any], shape: Batched) -> Batched:
    sample: Shape = shape[1:]
    return (shape[0], *(sample[axis] for axis in axis_order(options["pattern"], len(sample))))


SHAPES: Mapping[str, Callable[..., Batched]] = {
    "InputLayer": _input,
    "DenseLayer": lambda options, shape: (shape[0], integer(options["num_units"], "num_units")),
    "Conv1DLayer": _convolution,
    "Conv2DLayer": _convolution,
    "MaxPool1DLayer": _pool,
    "MaxPool2DLayer": _pool,
    "Pool1DLayer": _pool,
    "Pool2DLayer": _pool,
    "GlobalPoolLayer": lambda options, shape: shape[:2],
    "ConcatLayer": _concatenation,
    "ElemwiseSumLayer": lambda options, *shapes: shapes[0],
    "FlattenLayer": lambda options, shape: (shape[0], size(shape[1:])),
    "ReshapeLayer": _reshaped,
    "DimshuffleLayer": _turned,
}
"""The layers that change a shape, each by its options and the shapes it is given; the others keep it."""
