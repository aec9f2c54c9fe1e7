"""Tensors of a file as arrays, refused before allocation when their size is not the one they claim."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from snntk_core.ops import Array

FLOATS = {"FLOAT": 4, "DOUBLE": 8, "FLOAT16": 2, "BFLOAT16": 2}
INTEGERS = {"INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8, "BOOL": 1}
FIELDS = {"FLOAT": "float_data", "DOUBLE": "double_data", "INT64": "int64_data"} | dict.fromkeys(
    ("UINT32", "UINT64"), "uint64_data"
)


class Unsupported(Exception):
    """Why a node or a tensor cannot be converted, as the rest of a sentence about it."""


def type_name(data_type: int) -> str:
    """Return the name of a tensor's element type, such as ``FLOAT``."""
    from onnx import TensorProto

    try:
        return str(TensorProto.DataType.Name(data_type))
    except ValueError:
        return f"number {data_type}"


def expected_bytes(tensor: Any) -> int:
    """Return how many bytes a tensor's shape and type need.  Raises `Unsupported` for types without a fixed size."""
    name = type_name(tensor.data_type)
    width = (FLOATS | INTEGERS).get(name)
    if width is None:
        raise Unsupported(f"tensors of type {name} are not supported")
    if any(length < 0 for length in tensor.dims):
        raise Unsupported(f"it has the impossible shape {list(tensor.dims)[:8]}")
    return int(prod(tensor.dims)) * width


def to_array(tensor: Any) -> Array:
    """Return a tensor as an array; half floats become float32.  Raises `Unsupported` where size and data disagree."""
    from onnx import numpy_helper

    expected, name = expected_bytes(tensor), type_name(tensor.data_type)
    if tensor.HasField("raw_data"):
        found = len(tensor.raw_data)
    else:
        found = len(getattr(tensor, FIELDS.get(name, "int32_data"))) * (FLOATS | INTEGERS)[name]
    if found != expected or tensor.data_location == tensor.EXTERNAL:
        raise Unsupported(f"its shape {list(tensor.dims)[:8]} needs {expected} bytes, but it holds {found}")
    array = np.asarray(numpy_helper.to_array(tensor))
    return array.astype(np.float32) if name in ("FLOAT16", "BFLOAT16") else array
