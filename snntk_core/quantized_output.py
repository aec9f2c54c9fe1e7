"""Keeping what a node puts out in a number format."""

from __future__ import annotations

import numpy as np

from snntk_core.errors import FormatError
from snntk_core.graph import Graph
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, ClippedRelu, FakeQuantize, Op, QuantizedRelu, Relu, Rounding


def rectified(op: Op) -> bool:
    """Whether an op is a ReLU, clipped above or not, or a quantized one."""
    return isinstance(op, Relu | QuantizedRelu) or (isinstance(op, ClippedRelu) and not np.any(op.lower))


def largest_output(op: Op) -> Array | None:
    """Return what a rectified op puts out at most, scalar or for each channel; None where there is no bound."""
    if isinstance(op, ClippedRelu):
        return op.upper
    return op.step * op.levels if isinstance(op, QuantizedRelu) else None


def with_output_format(graph: Graph, name: str, number_format: NumberFormat, rounding: Rounding = "half-even") -> Graph:
    """Return the graph with the output of ``name`` rounded to ``number_format``, which is recorded.

    A rectified op becomes a `QuantizedRelu`, whose ties go by ``rounding``; behind any other stands a `FakeQuantize`,
    which a second call changes.  Raises `FormatError` for a format without a zero and for steps along another axis
    than the last.
    """
    rank = len(graph.shapes[name])
    if number_format.is_sign:
        raise FormatError(f"{name}: the output cannot be kept in one signed bit, which has no zero.")
    if number_format.axis not in (None, -1, rank - 1) or not number_format.fits(graph.shapes[name]):
        raise FormatError(
            f"{name}: the output has the shape {graph.shapes[name]}; its format needs one step, or one for each of its "
            f"channels, got {number_format.scale.size} along axis {number_format.axis}."
        )
    formats, op = {**graph[name].formats, "output": number_format}, graph[name].op
    levels = _levels(op, number_format)
    if levels is not None:
        return graph.replace(name, QuantizedRelu(number_format.scale, levels, rounding), formats=formats)
    fake = FakeQuantize(number_format.scale, number_format.lowest, number_format.highest)
    behind = graph.users(name)
    if len(behind) == 1 and isinstance(behind[0].op, FakeQuantize) and name not in graph.outputs:
        return graph.replace(behind[0].name, fake, formats={"output": number_format})
    new = graph.free_name(f"{name}_rounded")
    graph = graph.insert_after(name, new, fake)
    return graph.replace(new, fake, formats={"output": number_format})


def with_output_bits(graph: Graph, name: str, bits: int) -> Graph:
    """Return the graph with the `QuantizedRelu` ``name`` in ``2^bits - 1`` steps, and the largest output it had."""
    op = graph[name].op
    if not isinstance(op, QuantizedRelu):
        raise FormatError(f"{name}: a {type(op).__name__} has no steps whose number could change.")
    largest = op.step.astype(np.float64).reshape(-1) * op.levels
    axis = None if len(largest) == 1 else -1
    found = NumberFormat.spanning(bits, largest[0] if axis is None else largest, axis=axis, signed=False)
    return graph.replace(
        name, QuantizedRelu(found.scale, found.highest, op.rounding), formats={**graph[name].formats, "output": found}
    )


def _levels(op: Op, number_format: NumberFormat) -> int | None:
    """Return how many steps the op rises as a `QuantizedRelu`, or None where it is no such thing.

    A bound below the largest code takes levels away: rounding never changes the order of two values.
    """
    if not rectified(op):
        return None
    bound = largest_output(op)
    if bound is None:
        return number_format.highest
    if np.any(bound <= 0):
        return None
    levels = np.minimum(np.rint(bound / number_format.scale.astype(np.float64)), number_format.highest)
    return int(levels.flat[0]) if (levels == levels.flat[0]).all() and levels.flat[0] >= 1 else None
