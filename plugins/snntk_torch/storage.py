"""Tensors from raw bytes, refused before anything is allocated on a file's word."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from snntk_core.ops import Array
from snntk_torch.refusal import Unsupported

BFLOAT16 = "bfloat16"
RANK = 16


def viewed(content: bytes, kind: str, offset: int, sizes: Sequence[int], strides: Sequence[int]) -> Array:
    """Return the tensor that ``sizes`` and ``strides``, counted in elements, cut out of a storage.

    Half floats become float32.  Raises `Unsupported` for a tensor that reaches beyond its storage or repeats it.
    """
    stored = np.uint16 if kind == BFLOAT16 else np.dtype(kind)
    flat = np.frombuffer(content, stored, count=len(content) // np.dtype(stored).itemsize)
    numbers = (offset, *sizes, *strides)
    whole = all(type(number) is int and number >= 0 for number in numbers)
    if not whole or len(sizes) != len(strides) or len(sizes) > RANK:
        raise Unsupported(f"it has the impossible shape {list(sizes)[:8]}")
    count = prod(sizes)
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if count and (last >= len(flat) or count > len(flat)):
        raise Unsupported(f"its shape {list(sizes)[:8]} needs more than the {len(flat)} numbers it has")
    if not count:
        return np.zeros(sizes, np.float32)
    steps = tuple(stride * flat.itemsize for stride in strides)
    array = np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat[offset:], sizes, steps, writeable=False))
    if kind == BFLOAT16:
        return (array.astype(np.uint32) << 16).view(np.float32).reshape(sizes)
    return array.astype(np.float32).reshape(sizes) if kind == "float16" else array.reshape(sizes)
