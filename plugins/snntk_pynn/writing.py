"""What a script of PyNN needs to know of a network: a table of its parts, and their arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from snntk_core import Graph, IntegrateFire, Readout, SpikeSource
from snntk_core.ops import Array
from snntk_core.unrolled import Population, Projection, Unrolled, unroll
from snntk_pynn.standalone import HOP, LEAD
from snntk_pynn.targets import Target

ONE = np.ones((), np.float32)


def from_the_input(graph: Graph) -> tuple[Projection, ...]:
    """Return what the input, unit by unit, adds to the current of each population: ``I[after] += weight * x[before]``.

    Between the input and the first neurons all is affine: what a neuron of amplitude one in the input's place would
    pass on is what the input itself does.
    """
    stand_in = graph.free_name("input")
    changed = graph.insert_after(graph.source.name, stand_in, IntegrateFire(ONE, amplitude=ONE))
    return tuple(projection for projection in unroll(changed).projections if projection.source == stand_in)


def table_of(graph: Graph, target: Target, cores: int, steps: int | None) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return a network as plain data and arrays; weights as the target holds them.

    Populations go by their place, the readout by the place after the last, the input by none.
    """
    network = unroll(graph)
    readout = network[graph.outputs[0]]
    assert isinstance(readout.op, Readout)
    neurons = [found for found in network.populations if isinstance(found.op, IntegrateFire)]
    places: dict[str | None, int] = {found.name: place for place, found in enumerate([*neurons, readout])}
    arrays: dict[str, Array] = {}
    source = graph.source.op
    assert isinstance(source, SpikeSource)
    silent = network.currents(np.zeros((1, *source.shape), np.float32))
    for found in [*neurons, readout]:
        arrays |= _described(found, places[found.name], silent[found.name][0])
    entries = []
    for number, projection in enumerate([*from_the_input(graph), *network.projections]):
        begins = places.get(projection.source)
        reaches_neurons = begins is not None and projection.target != readout.name
        weight = _held(projection.weight, target) if reaches_neurons else projection.weight
        kept = weight != 0
        entries.append({"key": f"s{number}", "source": begins, "target": places[projection.target]})
        parts = (("before", projection.before), ("after", projection.after), ("weight", weight))
        arrays |= {f"s{number}_{part}": values[kept] for part, values in parts}
    return {
        "format": "snntk-pynn",
        "version": 1,
        "steps": steps,
        "input": {"shape": list(source.shape), "order": list(source.order)},
        "populations": [{"name": found.name, "units": found.units, "depth": found.depth} for found in neurons],
        "projections": entries,
        "readout": {
            "shape": list(graph.shapes[readout.name]), "link": readout.op.link, "warm_up": readout.op.warm_up
        },
        "cell": target.cell,
        "parameters": target.parameters,
        "gain": target.gain,
        "fires_at": 1 - 2.0**-target.early,
        "longest_delay": float(longest_delay(network)),
        "flush": float(longest_delay(network) + LEAD + 20),
        "neurons_per_core": cores,
    }, arrays  # fmt: skip


def longest_delay(network: Unrolled) -> int:
    """Return the longest delay of a synapse between neurons, in steps, on the backend that adds nothing to it."""
    depths = {found.name: found.depth for found in network.populations if isinstance(found.op, IntegrateFire)}
    inner = [projection for projection in network.projections if projection.target in depths]
    return max((HOP * (depths[each.target] - depths[each.source]) for each in inner), default=HOP)


def _described(found: Population, place: int, bias: Array) -> dict[str, Array]:
    described = {f"{place}_bias": bias.astype(np.float64)}
    if isinstance(found.op, IntegrateFire):
        described |= {f"{place}_threshold": found.threshold, f"{place}_initial": found.initial_potential}
    return described


def _held(weight: Array, target: Target) -> Array:
    """Return weights as fixed-point numbers of the target: one scale, a power of two, for each sign."""
    if target.weight_bits is None:
        return weight
    held = np.zeros_like(weight)
    for sign in (1, -1):
        mine = weight * sign > 0
        if mine.any():
            codes, largest = 2**target.weight_bits - 1, np.abs(weight[mine]).max()
            scale = 2.0 ** np.floor(np.log2(codes / largest))
            held[mine] = np.rint(weight[mine] * scale) / scale
    return held
