"""Builders of matrix products."""

from __future__ import annotations

import numpy as np

from snntk_core.ops import Array, Dense, Transpose
from snntk_torch.refusal import Unsupported
from snntk_torch.translation import Call, Tensor


def floating(array: Array) -> Array:
    """Return a constant as floats."""
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def bias_of(call: Call, units: int, key: str = "bias") -> Array | None:
    """Return a bias of ``units``, or None.  Raises `Unsupported` for one of another shape."""
    if not call.given(key):
        return None
    bias = floating(call.constant(key))
    if bias.size not in (1, units) or bias.size != (bias.shape or (1,))[-1]:
        raise Unsupported(f"its bias of shape {bias.shape} does not fit {units} outputs")
    return np.broadcast_to(bias.reshape(-1), (units,))


def _matrix(call: Call, key: str) -> Array:
    weight = floating(call.constant(key))
    if weight.ndim != 2:
        raise Unsupported(f"its weight has the shape {weight.shape}, but a matrix was expected")
    return weight


def _features(value: Tensor) -> Tensor:
    if not value.shape:
        raise Unsupported("its input holds one number for each sample, but features were expected")
    return value


def _linear(call: Call) -> Tensor:
    value, weight = _features(call.tensor("input")), _matrix(call, "weight")
    return call.add(Dense(weight.T, bias_of(call, len(weight))), value)


def _addmm(call: Call) -> Tensor:
    value, weight = _features(call.tensor("mat1")), _matrix(call, "mat2")
    alpha, beta = call.number("alpha", 1), call.number("beta", 1)
    bias = bias_of(call, weight.shape[1], "self")
    return call.add(Dense(weight * weight.dtype.type(alpha), bias if bias is None else bias * np.float32(beta)), value)


def _mm(call: Call) -> Tensor:
    return call.add(Dense(_matrix(call, "mat2")), _features(call.tensor()))


def _matmul(call: Call) -> Tensor:
    if isinstance(call.get("self"), np.ndarray):
        value = call.tensor("other")
        if len(value.shape) != 2:
            raise Unsupported("a constant on its left side mixes the samples of a batch")
        turned = call.add(Transpose((1, 0)), value, suffix="_turned")
        return call.add(Transpose((1, 0)), call.add(Dense(_matrix(call, "self").T), turned), suffix="_result")
    value = _features(call.tensor())
    if isinstance(call.get("other"), Tensor):
        raise Unsupported("a matrix product of two computed values, as in attention, is not supported")
    return call.add(Dense(_matrix(call, "other")), value)


LINEAR = {"linear": _linear, "addmm": _addmm, "mm": _mm, "matmul": _matmul}
"""Builders of matrix products."""
