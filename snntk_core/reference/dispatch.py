"""Where semantics are registered: one function for each op type, chosen by `functools.singledispatch`."""

from __future__ import annotations

from functools import singledispatch

from snntk_core.errors import GraphError
from snntk_core.ops import Array, Op


@singledispatch
def apply(op: Op, *inputs: Array) -> Array:
    """Return ``op`` applied to ``inputs``, each (batch, *shape).

    The dtype of the inputs rules; weights are cast to it.  A plugin op registers its own with ``@apply.register``.
    Raises `GraphError` for an op without semantics.
    """
    raise GraphError([f"{type(op).__name__} has no reference semantics; register them with snntk_core.apply.register"])
