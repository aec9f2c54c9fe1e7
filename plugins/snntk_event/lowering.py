"""From a graph to layers: what drives every node that holds state, as terms where it has that form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from snntk_core import Array, Graph, IntegrateFire, LinearOp, Node, Op, PoissonSpikes, SpikingMaxPool, WeightedOp
from snntk_core.connectivity import spiking_nodes
from snntk_core.shapes import Shape, size
from snntk_event.currents import Currents, currents
from snntk_event.placement import channel_factors, grid, placement
from snntk_event.routes import Routes, start, through, window_positions
from snntk_event.synapses import Term, Terms, View, Weighted, terms


@dataclass(frozen=True, eq=False)
class Layer:
    """A node that holds state.

    ``current``: the node it reads.  ``sources``: the spiking nodes that drive it.  ``terms``: its drive, None where
    it can only be computed densely.  ``amplitude``: what one of its spikes carries, (1 or positions, channels); None
    where spikes carry different amounts and their values are kept beside the masks.  ``windows``: the positions that
    each window of a pool takes, (taps, windows), where spikes of its one source are pooled by their counts.
    """

    name: str
    op: Op
    shape: Shape
    current: str
    sources: tuple[str, ...]
    terms: Terms | None = None
    amplitude: Array | None = None
    windows: Array | None = None


@dataclass(frozen=True, eq=False)
class Lowered:
    """A graph as layers in the order of one step, and its linear ops."""

    graph: Graph
    layers: tuple[Layer, ...]
    currents: Currents


def lower(graph: Graph) -> Lowered:
    """Return a valid spiking graph as layers."""
    known: dict[str, Routes] = {}
    weighted: dict[str, Weighted] = {}
    layers: dict[str, Layer] = {}
    ops = currents(graph)
    for node in graph:
        inputs = [known[read] for read in node.inputs]
        if node.name in ops.steady:
            known[node.name] = ()
        elif isinstance(node.op, WeightedOp):
            known[node.name] = _weighted(graph, node, inputs[0], weighted)
        elif isinstance(node.op, LinearOp):
            known[node.name] = through(node, inputs, graph.shapes)
        elif isinstance(node.op, PoissonSpikes):
            shape = graph.shapes[node.name]
            known[node.name] = _carrying(node.name, shape, per_channel(node.op.spike, shape))
        else:
            layer = layers[node.name] = _layer(graph, node, ops, inputs[0], weighted)
            known[node.name] = _emitted(layer)
    return Lowered(graph, _sharing(layers.values()), ops)


def per_channel(array: Array, shape: Shape) -> Array:
    """Return what broadcasts onto ``shape`` as (1 or positions, channels), single precision."""
    array = array.astype(np.float32)
    if size(array.shape[:-1]) == 1:
        return np.array(np.broadcast_to(array.reshape(1, -1), (1, shape[-1])))
    return np.array(np.broadcast_to(array, shape)).reshape(grid(shape))


def _weighted(graph: Graph, node: Node, routes: Routes, weighted: dict[str, Weighted]) -> Routes:
    op, shape = node.op, graph.shapes[node.name]
    if routes is None or not isinstance(op, WeightedOp) or any(route.origin in weighted for route in routes):
        return None
    weighted[node.name] = Weighted(op, graph.shapes[node.inputs[0]], shape, routes)
    return (start(node.name, shape, np.ones(1, np.float32)),)


def _layer(graph: Graph, node: Node, ops: Currents, routes: Routes, weighted: Mapping[str, Weighted]) -> Layer:
    op, shape = ops.affine[node.name], graph.shapes[node.name]
    sources = ops.sources(node.inputs[0], frozenset(spiking_nodes(graph)))
    layer = Layer(node.name, op, shape, node.inputs[0], sources)
    if isinstance(op, IntegrateFire):
        layer = replace(layer, amplitude=per_channel(op.spike, shape))
    if isinstance(op, SpikingMaxPool):
        counted = not ops.adds_constants(node.inputs[0], frozenset(sources))
        return _pool(layer, graph.shapes[node.inputs[0]], routes, weighted, graph.shapes) if counted else layer
    found = None if routes is None else terms(routes, shape, weighted, graph.shapes)
    return replace(layer, terms=found)


def _pool(
    layer: Layer, before: Shape, routes: Routes, weighted: Mapping[str, Weighted], shapes: Mapping[str, Shape]
) -> Layer:
    """Return a pool, with its amplitude and windows where whole counts of spikes decide what passes."""
    op = layer.op
    assert isinstance(op, SpikingMaxPool)
    if routes is None or len(routes) != 1 or routes[0].origin in weighted:
        return layer
    placed = placement(routes[0], shapes[routes[0].origin], before)
    factors = None if placed is None else channel_factors(routes[0], placed, before)
    windows = window_positions(op.kernel, op.strides, op.padding, op.dilation, before, layer.shape)
    whole = placed is not None and placed.channels == before[-1] and shapes[routes[0].origin] == before
    straight = whole and np.array_equal(placed.positions, np.arange(grid(before)[0])[None])
    if not straight or factors is None or not (factors > 0).all() or not (windows >= 0).any(axis=0).all():
        return layer
    return replace(layer, amplitude=factors[None], windows=windows)


def _sharing(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Return the layers with one object for all views that are equal, so that events are listed once for all."""
    views: dict[object, View] = {}

    def shared(term: Term) -> Term:
        return replace(term, view=views.setdefault(term.view.key(), term.view))

    return tuple(
        layer if layer.terms is None else replace(layer, terms=tuple(map(shared, layer.terms))) for layer in layers
    )


def _emitted(layer: Layer) -> Routes:
    """Return the routes of what a layer emits, each spike carrying its amplitude."""
    return None if layer.amplitude is None else _carrying(layer.name, layer.shape, layer.amplitude)


def _carrying(name: str, shape: Shape, amplitude: Array) -> Routes:
    carried = amplitude.reshape(shape if len(amplitude) > 1 else amplitude.shape[1:])
    return (start(name, shape, carried),)
