"""From layers to a graph, one builder for each kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snntk_core import Graph
from snntk_core.errors import SnntkError
from snntk_core.layout import channels_last
from snntk_lasagne.building import Builder, Building
from snntk_lasagne.layers import Layer
from snntk_lasagne.refusal import Refused, printable
from snntk_lasagne.routing import ROUTING
from snntk_lasagne.weighted import WEIGHTED

BUILDERS: Mapping[str, Builder] = {**ROUTING, **WEIGHTED}
"""What can be converted."""


def parse(layers: Iterable[Layer]) -> Graph:
    """Return layers as a verified channels-last graph.  Raises `Refused` naming the layer that is in the way."""
    building, last = Building(), ""
    kinds: dict[str, str] = {}
    for layer in layers:
        building.origin, kinds[layer.name] = (layer.name,), layer.kind
        place = f"the layer {layer.name!r} ({layer.kind})"
        try:
            inputs = [building.values[name] for name in layer.inputs]
            last = building.values[layer.name] = BUILDERS[layer.kind](building, layer, inputs)
        except Refused as error:
            raise Refused(error.problem, place, error.remedy) from error
        except SnntkError as error:
            raise Refused(printable(error), place) from error
        except (TypeError, ValueError, IndexError, OverflowError, MemoryError) as error:
            raise Refused("its options and arrays do not fit together", place) from error
    graph = Graph(tuple(building.nodes), (last,), {"parser": "lasagne"}, kinds)
    return channels_last(graph.verify())
