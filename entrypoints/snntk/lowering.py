"""A quantized network in integers."""

from __future__ import annotations

from typing import Any

from snntk.given import checked_graph, installed
from snntk_core.errors import Incompatible
from snntk_core.graph import Graph
from snntk_core.provenance import traced
from snntk_core.registry import Registry


def integers(
    graph: Graph,
    *,
    input_scale: float | None = None,
    input_shift: int = 0,
    input_bits: int = 8,
    registry: Registry | None = None,
) -> Any:
    """Return a quantized graph in 32-bit integers, equal to what it computes in exact arithmetic, layer by layer.

    The integers fed are ``input_scale * x + input_shift``, from 0 to ``2^input_bits - 1``; by default ``x`` itself, or
    the codes of the grid that the network rounds its input to.  ``evaluate(codes, names)`` gives the int32 arrays of
    layers, ``values(codes, name)`` what they stand for, and ``network[name].thresholds`` where an activation rises.
    Raises `Incompatible` with every layer that is not quantized, has no integers, or may need more than 32 bits.

    >>> network = snntk.integers(quantized, input_scale=255)
    >>> scores = network.values(images)
    """
    registry, graph = registry or installed(), checked_graph(graph)
    options = {"input_scale": input_scale, "input_shift": input_shift, "input_bits": input_bits}
    simulator = registry.simulators["integer"].configure(options)
    try:
        return simulator.compile(graph).network  # type: ignore[attr-defined]
    except Incompatible as error:
        raise Incompatible(error.target, traced(graph, error.issues)) from error
