"""Comparing graphs and models part by part, for checks that say nothing was changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from snntk_core.graph import Graph
from snntk_core.node import Node

CLOSE = 1e-5


def difference(one: Graph, other: Graph, tolerance: float = 0.0) -> str:
    """Return the first difference of two graphs in words, or an empty string.

    Arrays may differ by ``tolerance``, relative to their largest value.
    """
    if [node.name for node in one] != [node.name for node in other]:
        changed = {node.name for node in one} ^ {node.name for node in other}
        return f"the nodes {', '.join(sorted(changed)) or 'have another order'}"
    if one.outputs != other.outputs:
        return f"the outputs {one.outputs} and {other.outputs}"
    return next((what for a, b in zip(one, other, strict=True) for what in _differences(a, b, tolerance)), "")


def _differences(one: Node, other: Node, tolerance: float) -> Iterator[str]:
    if type(one.op) is not type(other.op) or one.inputs != other.inputs or set(one.formats) != set(other.formats):
        yield f"{one.name}: {type(one.op).__name__}{one.inputs} and {type(other.op).__name__}{other.inputs}"
        return
    for item in fields(one.op):
        a, b = getattr(one.op, item.name), getattr(other.op, item.name)
        if not _same(a, b, tolerance):
            yield f"{one.name}: its {item.name}"


def _same(one: Any, other: Any, tolerance: float) -> bool:
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return bool(one is other or (type(one) is type(other) and one == other))
    if one.shape != other.shape:
        return False
    limit = tolerance * float(np.abs(one).max(initial=0))
    return bool(np.all(np.abs(one - other) <= limit)) if tolerance else one.tobytes() == other.tobytes()


def frozen(value: Any) -> Any:
    """Return an independent copy of the comparable parts of a model; what cannot be looked into counts as equal."""
    if isinstance(value, np.ndarray):
        return (value.shape, str(value.dtype), value.tobytes()) if value.dtype != object else None
    if isinstance(value, list | tuple):
        return tuple(frozen(item) for item in value)
    if isinstance(value, dict):
        return tuple((frozen(key), frozen(item)) for key, item in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return tuple((item.name, frozen(getattr(value, item.name))) for item in fields(value))
    return value if isinstance(value, str | bytes | int | float | bool) else None
