"""Evaluate a graph on a batch, in parts that keep memory flat."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from snntk_core.errors import DataError
from snntk_core.graph import Graph
from snntk_core.ops import Array, Input, SpikeSource
from snntk_core.reference.dispatch import apply
from snntk_core.shapes import size

PART_BYTES = 64 << 20  # the largest feature map of one part


def as_batch(graph: Graph, batch: Array) -> Array:
    """Return ``batch`` as floats (n, *input shape).

    float64 stays, anything else becomes float32.  Axes of length one are added or dropped where only they differ.
    Raises `DataError` for other shapes, for values that are not finite numbers, and for those beyond what the input
    spikes of a spiking network carry.
    """
    batch, shape = np.asarray(batch), graph.input_shape
    if batch.dtype.kind not in "biuf":
        raise DataError(f"The data holds {batch.dtype} values; numbers are needed.")
    if batch.ndim < 1 or [n for n in batch.shape[1:] if n != 1] != [n for n in shape if n != 1]:
        joined = f" ({graph.meta['inputs']})" if "inputs" in graph.meta else ""
        raise DataError(f"The model takes samples of shape {shape}{joined}, the data has {batch.shape[1:]}.")
    batch = batch.reshape(len(batch), *shape)
    batch = batch if batch.dtype == np.float64 else batch.astype(np.float32)
    if not np.isfinite(batch).all():
        raise DataError("The data holds values that are not finite.")
    _refuse_saturated(graph, batch)
    return batch


def _refuse_saturated(graph: Graph, batch: Array) -> None:
    """Raise `DataError` for values that the spikes behind the source cannot carry."""
    op = graph.source.op
    if not isinstance(op, SpikeSource) or (op.lowest is None and op.largest is None) or not len(batch):
        return
    low, high = float(batch.min()), float(batch.max())
    lowest = -np.inf if op.lowest is None else np.float32(op.lowest)
    largest = np.inf if op.largest is None else np.float32(op.largest)
    if np.float32(low) < lowest:
        remedy = "signed = true" if op.lowest == 0 else f"a peak of at least {-low:g}, or a higher rate"
        raise DataError(
            f"The data goes down to {low:g}, and the input spikes of this network carry values from {op.lowest:g} to "
            f"{op.largest:g}. Convert with {remedy} in [input]."
        )
    if np.float32(high) > largest:
        raise DataError(
            f"The data reaches {high:g}, and the input spikes of this network carry {op.largest:g} at most. Convert "
            f"with a peak of at least {high:g}, or a higher rate, in [input]."
        )


def part_size(graph: Graph, itemsize: int = 4) -> int:
    """Return how many samples fit in one part."""
    largest = max(size(shape) for shape in graph.shapes.values())
    return max(1, min(256, PART_BYTES // (largest * itemsize)))


def trace(graph: Graph, batch: Array, names: Collection[str]) -> Iterator[dict[str, Array]]:
    """Yield the values of ``names``, part by part along the batch."""
    batch = as_batch(graph, batch)
    step = part_size(graph, batch.itemsize)
    for start in range(0, len(batch), step):
        yield _values(graph, batch[start : start + step], names)


def _values(graph: Graph, batch: Array, names: Collection[str]) -> dict[str, Array]:
    wanted = set(names)
    last = {name: node.name for node in graph for name in node.inputs}
    values: dict[str, Array] = {}
    kept: dict[str, Array] = {}
    for node in graph:
        entry = isinstance(node.op, Input | SpikeSource)
        value = apply(node.op, *([batch] if entry else (values[name] for name in node.inputs)))
        values[node.name] = value
        if node.name in wanted:
            kept[node.name] = value
        for name in node.inputs:
            if last[name] == node.name:
                values.pop(name, None)
    return kept


def activations(graph: Graph, batch: Array, names: Collection[str]) -> dict[str, Array]:
    """Return the values of several nodes, each (n, *shape)."""
    parts = list(trace(graph, batch, names))
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def evaluate(graph: Graph, batch: Array, output: str | None = None) -> Array:
    """Return the network's output on a batch in the model's own layout: (n, *output shape).

    ``output`` names the node, by default the first output.  A spiking graph gives its limit for many steps, so what it
    lacks against the analog network is lost to clipping alone.  Raises `DataError` for a batch that does not fit.
    """
    name = graph[output].name if output else graph.outputs[0]
    if not len(batch):
        raise DataError("The batch holds no samples.")
    return activations(graph, batch, [name])[name]
