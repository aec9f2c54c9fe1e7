"""Folding: what an operator gives whose arguments are all known, in numpy or plain numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from snntk_core.ops import Array
from snntk_torch.refusal import Unsupported

ELEMENTS = 1 << 24  # of a folded constant that is larger than what it came from
LIST = 1 << 16  # elements of a folded list
NUMBER = 1 << 80  # beyond any shape


def _limited(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > NUMBER:
        raise Unsupported("its arithmetic leaves the whole numbers of any shape")
    if isinstance(value, list) and len(value) > LIST:
        raise Unsupported(f"it makes a list of {len(value)}")
    return value


def _binary(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def fold(a: Any, b: Any, alpha: Any = 1) -> Any:
        arrays = [item for item in (a, b) if isinstance(item, np.ndarray)]
        if arrays and prod(np.broadcast_shapes(np.shape(a), np.shape(b))) > max(ELEMENTS, *(x.size for x in arrays)):
            raise Unsupported("it would make a constant that is too large")
        if isinstance(a, list) != isinstance(b, list) or isinstance(a, str) or isinstance(b, str):
            raise Unsupported("its operands do not fit each other")
        result = function(a, b if alpha == 1 else b * alpha)
        return _limited(result.astype(np.float32) if arrays and result.dtype == np.float64 else result)

    return fold


def _divided(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "floor":
        return a // b
    return a / b if rounding_mode is None else np.trunc(a / b)


def _reshaped(array: Array, *shape: Any) -> Array:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], list | tuple) else shape
    return array.reshape([int(length) for length in sizes])


def _flattened(array: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    first, last = start_dim % array.ndim, end_dim % array.ndim
    return array.reshape(*array.shape[:first], -1, *array.shape[last + 1 :])


def _turned(array: Array) -> Array:
    return array.T if array.ndim == 2 else array


def _size(array: Array, dim: int | None = None) -> Any:
    return list(array.shape) if dim is None else array.shape[dim]


def _item(sequence: Any, index: Any) -> Any:
    return sequence[int(index)]


def _cut(sequence: Any, *arguments: Any) -> Any:
    """``slice`` of a list (start, end, step) or of a tensor (dim, start, end, step)."""
    if isinstance(sequence, np.ndarray):
        defaults: tuple[Any, ...] = (0, None, None, 1)
        dim, start, end, step = (*arguments, *defaults[len(arguments) :])
        cuts = [slice(None)] * sequence.ndim
        cuts[dim] = slice(start, end, step)
        return sequence[tuple(cuts)]
    return sequence[slice(*arguments)]


def _weight_norm(v: Array, g: Array, dim: int = 0) -> Array:
    axes = tuple(axis for axis in range(v.ndim) if axis != dim % v.ndim)
    return np.asarray(v * (g / np.sqrt((v * v).sum(axis=axes, keepdims=True))), v.dtype)


def _whole(value: Any) -> int:
    return int(np.asarray(value).reshape(()))


def _elementwise(function: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda value: np.asarray(function(value), value.dtype) if isinstance(value, np.ndarray) else function(value)


def _same(value: Any, *_: Any, **__: Any) -> Any:
    return value


def _concatenated(tensors: Sequence[Array], dim: int = 0) -> Array:
    return np.concatenate(list(tensors), axis=dim)


FOLDS: Mapping[str, Callable[..., Any]] = {
    "add": _binary(operator.add),
    "sub": _binary(operator.sub),
    "mul": _binary(operator.mul),
    "div": _divided,
    "true_divide": _divided,
    "floordiv": _binary(operator.floordiv),
    "floor_divide": _binary(operator.floordiv),
    "remainder": _binary(operator.mod),
    "mod": _binary(operator.mod),
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "__and__": operator.and_,
    "__or__": operator.or_,
    "__not__": operator.not_,
    "__is__": operator.is_,
    "__isnot__": operator.is_not,
    "__contains__": operator.contains,
    "__getitem__": _item,
    "getitem": _item,
    "len": len,
    "neg": operator.neg,
    "abs": abs,
    "sqrt": _elementwise(np.sqrt),
    "exp": _elementwise(np.exp),
    "reciprocal": _elementwise(np.reciprocal),
    "floor": lambda value: math.floor(value),
    "ceil": lambda value: math.ceil(value),
    "int": _whole,
    "Int": _whole,
    "float": float,
    "bool": bool,
    "IntImplicit": _whole,
    "item": lambda value: np.asarray(value).reshape(()).item(),
    "NumToTensor": _same,
    "tensor": lambda value, **_: np.asarray(value, np.float32),
    "sym_sum": lambda values: _limited(sum(values)),
    "size": _size,
    "sym_size": _size,
    "dim": lambda array: array.ndim,
    "dtype": lambda array: str(array.dtype),
    "numel": lambda array: array.size,
    "list": list,
    "device": lambda *_: "cpu",
    "t": _turned,
    "numpy_T": _turned,
    "transpose": lambda array, dim0, dim1: np.swapaxes(array, dim0, dim1),
    "permute": lambda array, dims: array.transpose(dims),
    "view": _reshaped,
    "reshape": _reshaped,
    "flatten": _flattened,
    "unsqueeze": lambda array, dim: np.expand_dims(array, dim),
    "squeeze": lambda array, dim=None: np.squeeze(array, axis=dim),
    "slice": _cut,
    "select": lambda array, dim, index: np.take(array, index, axis=dim),
    "cat": _concatenated,
    "_weight_norm": _weight_norm,
    "_weight_norm_interface": lambda v, g, dim=0: [_weight_norm(v, g, dim), g],
    **dict.fromkeys(
        ("clone", "contiguous", "detach", "alias", "lift_fresh_copy", "lift_fresh", "to", "_to_copy"), _same
    ),
}
"""What can be folded, with the arguments as PyTorch orders them."""
