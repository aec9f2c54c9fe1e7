"""Builders of activations and of normalization across channels."""

from __future__ import annotations

import numpy as np

from snntk_caffe.refusal import Unsupported
from snntk_caffe.translation import Call, fitted

ACROSS_CHANNELS = 0


def _relu(call: Call) -> str:
    slope = call.parameters("relu_param").negative_slope
    return call.add("ReLU", call.shape, parameters={"relu_param": {"negative_slope": slope}})


def _p_relu(call: Call) -> str:
    shape = call.shape
    count = 1 if call.parameters("prelu_param").channel_shared else shape[0]
    slope = fitted(np.atleast_1d(call.arrays(1)[0]), (count,), "slope")
    return call.add("PReLU", shape, arrays=(slope,), op="PRelu", constant_shape=(count,) + (1,) * (len(shape) - 1))


def _softmax(call: Call) -> str:
    axis = call.axis(call.parameters("softmax_param").axis) + 1
    return call.add("Softmax", call.shape, parameters={"softmax_param": {"axis": axis}})


def _lrn(call: Call) -> str:
    parameters, shape = call.parameters("lrn_param"), call.image
    if parameters.norm_region != ACROSS_CHANNELS:
        raise Unsupported("it normalizes within channels, which no op here does")
    if parameters.local_size % 2 == 0:
        raise Unsupported(f"its local_size is {parameters.local_size}; Caffe takes odd numbers only")
    names = {"size": "local_size", "alpha": "alpha", "beta": "beta", "bias": "k"}
    attributes = {ours: getattr(parameters, theirs) for ours, theirs in names.items()}
    return call.add("LRN", shape, attributes=attributes)


ACTIVATIONS = {
    "ReLU": _relu,
    "PReLU": _p_relu,
    "ReLU6": lambda call: call.add("ReLU6", call.shape, constant_shape=()),
    "Sigmoid": lambda call: call.add("Sigmoid", call.shape),
    "TanH": lambda call: call.add("TanH", call.shape),
    "Softmax": _softmax,
    "LRN": _lrn,
}
"""Builders of activations."""
