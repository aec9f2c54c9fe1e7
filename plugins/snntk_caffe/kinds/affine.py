"""Builders of layers that scale and shift: BatchNorm, Scale, Bias and the affine Power."""

from __future__ import annotations

from typing import Any

import numpy as np

from snntk_caffe.refusal import Unsupported
from snntk_caffe.translation import Call, fitted
from snntk_core.ops import Array
from snntk_core.shapes import Shape


def _batch_norm(call: Call) -> str:
    parameters, shape = call.parameters("batch_norm_param"), call.shape
    if parameters.HasField("use_global_stats") and not parameters.use_global_stats:
        raise Unsupported("it uses the statistics of each batch (use_global_stats: false); a deployed one does not")
    channels = (shape[0],)
    mean, variance, factor = call.arrays(3)
    total = float(fitted(np.atleast_1d(factor), (1,), "moving average factor")[0])
    scale = np.float32(1 / total if total else 0)  # Caffe keeps sums; none have been summed where the factor is zero
    kept = (fitted(mean, channels, "mean") * scale, fitted(variance, channels, "variance") * scale)
    neutral = (np.ones(channels, np.float32), np.zeros(channels, np.float32))
    fields = {"batch_norm_param": {"eps": parameters.eps}}
    return call.add("BatchNorm", shape, parameters=fields, arrays=kept, pair=neutral)


def _scale(call: Call) -> str:
    if len(call.inputs) != 1:
        raise Unsupported("it multiplies two computed blobs; only trained factors are supported")
    parameters, first = call.parameters("scale_param"), call.axis(call.parameters("scale_param").axis)
    factor, *offset = call.arrays(1 + parameters.bias_term)
    shape = _own_shape(call.shape, first, parameters.num_axes)
    arrays = tuple(fitted(array, shape, what) for array, what in ((factor, "factor"), *((a, "bias") for a in offset)))
    return _affine(call, arrays, _spread(shape, first, len(call.shape)))


def _bias(call: Call) -> str:
    if len(call.inputs) != 1:
        raise Unsupported("it adds two computed blobs; use Eltwise")
    parameters, first = call.parameters("bias_param"), call.axis(call.parameters("bias_param").axis)
    shape = _own_shape(call.shape, first, parameters.num_axes)
    (offset,) = call.arrays(1)
    arrays = (np.ones(shape, np.float32), fitted(offset, shape, "bias"))
    return _affine(call, arrays, _spread(shape, first, len(call.shape)))


def _own_shape(shape: Shape, first: int, axes: int) -> Shape:
    """The shape of trained factors: ``axes`` axes from ``first`` on, all of them for -1."""
    if axes < -1 or first + axes > len(shape):
        raise Unsupported(f"{axes} axes from {first + 1} on do not fit samples of shape {list(shape)}")
    return shape[first:] if axes == -1 else shape[first : first + axes]


def _spread(shape: Shape, first: int, rank: int) -> Shape:
    return shape and (1,) * first + shape + (1,) * (rank - first - len(shape))


def _affine(call: Call, arrays: tuple[Array, ...], spread: Shape, **details: Any) -> str:
    flat = tuple(array.reshape(-1) for array in arrays)
    return call.add("Scale", call.shapes[0], arrays=flat, constant_shape=spread, **details)


def _power(call: Call) -> str:
    parameters, shape = call.parameters("power_param"), call.shape
    if parameters.power != 1:
        raise Unsupported(f"it raises to the power {parameters.power:g}; only 1 is supported")
    if parameters.scale == 1 and parameters.shift == 0:
        return call.inputs[0]
    arrays = (np.array([parameters.scale], np.float32), np.array([parameters.shift], np.float32))
    return call.add("Scale", shape, arrays=arrays, constant_shape=())


AFFINE = {"BatchNorm": _batch_norm, "Scale": _scale, "Bias": _bias, "Power": _power}
"""Builders of layers that scale and shift."""
