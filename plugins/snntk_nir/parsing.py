"""From NIR nodes to a spiking graph, one builder for each type."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np

from snntk_core import Graph, ParseError
from snntk_core.errors import SnntkError
from snntk_core.layout import channels_last
from snntk_core.ops import Add, Readout, SpikeSource
from snntk_nir.linear import LINEAR
from snntk_nir.neuron import NEURONS
from snntk_nir.ordering import predecessors
from snntk_nir.reading import NirModel
from snntk_nir.refusal import Refused, printable
from snntk_nir.translation import Entry, Reading, Translation, one_number, one_word

BUILDERS: Mapping[str, Callable[[Translation, Entry, str], str]] = {**LINEAR, **NEURONS}
LINKS = ("identity", "softmax", "log-softmax", "sigmoid", "tanh")
INTEGRATORS = ("I", "LI")
REPLACE = "replace this part of the network"
REMEDIES = {
    "Threshold": "use an IF neuron",
    "CubaLIF": "use a LIF neuron; synaptic currents that decay have no counterpart here",
    "CubaLI": "use a LI neuron; synaptic currents that decay have no counterpart here",
    "Delay": "leave the delay out; spikes cross this network within a step",
    "NIRGraph": "write the inner graph's nodes into the outer one",
}


def parse(model: NirModel, reset: str | None, dt: float | None, readout: str) -> Graph:
    """Return the model as a verified, channels-last spiking graph.  Raises `ParseError` naming the node in the way."""
    name = ""
    try:
        stated = dt if dt is not None else one_number(model.metadata.get("dt"), "dt")
        if stated is not None and not stated > 0:
            raise Refused(f"a step of {stated:g} cannot be")
        translation = Translation(Reading(reset, stated, readout, model.metadata))
        values: dict[str, str] = {}
        for name, reads in predecessors(model).items():
            translation.origin = (printable(name),)
            inputs = [values[before] for before in reads if before in values]
            if inputs or model.nodes[name]["type"] == "Input":
                values[name] = _value(translation, model, name, inputs)
        name = ""
        return _finished(translation, model, values)
    except Refused as error:
        where = f"the node {printable(name)!r} ({printable(model.nodes[name]['type'])})" if name else ""
        raise ParseError(model.label, f"{error.problem};", where=where, remedy=f"{error.remedy or REPLACE}.") from error
    except (SnntkError, ValueError, TypeError, OverflowError, MemoryError, IndexError) as error:
        reason = printable(str(error).rstrip(".")) or type(error).__name__
        where = f"the node {printable(name)!r}" if name else ""
        problem = f"the network is not consistent ({reason}); export it again."
        raise ParseError(model.label, problem, where=where) from error


def _value(translation: Translation, model: NirModel, name: str, inputs: list[str]) -> str:
    fields = model.nodes[name]
    entry, kind = Entry(translation.free_name(printable(name) or "node"), fields), str(fields["type"])
    if kind == "Input":
        shape = np.asarray(fields.get("shape"))
        if shape.dtype.kind not in "iu" or not 1 <= shape.size <= 3 or np.any(shape < 1) or np.any(shape > 1 << 24):
            raise Refused(f"its shape is {printable(fields.get('shape'))}, one to three lengths are expected")
        return translation.add(entry.name, SpikeSource(tuple(int(n) for n in shape.reshape(-1))))
    value = inputs[0] if len(inputs) == 1 else translation.add(f"{entry.name}_sum", Add(), *inputs)
    if kind == "Output":
        link = one_word(model.metadata.get("link"), "link", LINKS) or "identity"
        warm_up = int(one_number(model.metadata.get("warm_up"), "warm_up") or 0)
        return translation.add(entry.name, Readout(link, warm_up), value)  # type: ignore[arg-type]
    if kind not in BUILDERS:
        raise Refused(f"{printable(kind)} has no counterpart here", REMEDIES.get(kind, REPLACE))
    if kind in INTEGRATORS and not _ends(model, name):
        raise Refused("its potential is read by other nodes, but only spikes are passed on here", "use an IF neuron")
    return BUILDERS[kind](translation, entry, value)


def _ends(model: NirModel, name: str) -> bool:
    users = [after for before, after in model.edges if before == name]
    return all(model.nodes[user]["type"] == "Output" for user in users)


def _finished(translation: Translation, model: NirModel, values: Mapping[str, str]) -> Graph:
    outputs = [values[name] for name, node in model.nodes.items() if node["type"] == "Output" and name in values]
    if not outputs:
        raise Refused("its Output is not reached from its Input")
    if translation.assumed:
        said = " and ".join(translation.assumed)
        warnings.warn(f"{model.label} does not say everything; it is assumed that {said}.", stacklevel=4)
    meta = {"parser": "nir", **({"assumed": "; ".join(translation.assumed)} if translation.assumed else {})}
    steps = one_number(model.metadata.get("steps"), "steps")
    meta |= {"steps": str(int(steps))} if steps else {}
    layers = {printable(name): printable(model.nodes[name]["type"]) for name in values}
    graph = Graph(tuple(translation.nodes), tuple(outputs), meta, layers)
    return channels_last(graph.without_unused().verify())
