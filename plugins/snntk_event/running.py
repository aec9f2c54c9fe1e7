"""Running one part of a batch: chunk of steps after chunk of steps, each through all layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snntk_core import Array, Graph, IntegrateFire, Probes, Readout, Recording
from snntk_event.choice import Way
from snntk_event.chunk import Chunk
from snntk_event.currents import Currents
from snntk_event.lowering import lower
from snntk_event.neurons import Neurons, neurons
from snntk_event.pools import Pool, pool
from snntk_event.recorder import Recorder

STEPS = 32  # steps of one chunk


@dataclass(frozen=True, eq=False)
class Network:
    """A graph made ready to run.  ``done_with``: for each layer the spiking nodes that nothing after it reads."""

    graph: Graph
    currents: Currents
    layers: tuple[Neurons | Pool, ...]
    done_with: Mapping[str, frozenset[str]]


def network(graph: Graph, way: Way) -> Network:
    """Return a valid spiking graph made ready to run; ``way``: how layers are computed wherever that is possible."""
    lowered, ready = lower(graph), []
    for layer in lowered.layers:
        if isinstance(layer.op, IntegrateFire | Readout):
            ready.append(neurons(layer, lowered.currents, way))
        else:
            ready.append(pool(layer, lowered.currents, graph.shapes[layer.current]))
    last = {source: layer.name for layer in lowered.layers for source in (layer.name, *layer.sources)}
    done = {layer.name: frozenset(s for s, name in last.items() if name == layer.name) for layer in lowered.layers}
    return Network(graph, lowered.currents, tuple(ready), done)


def run_part(network: Network, batch: Array, steps: int, probes: Probes, fan_out: Mapping[str, Array]) -> Recording:
    """Run one part of a batch for ``steps`` from the initial state."""
    graph, constant = network.graph, network.currents.constant(batch)
    states = {ready.layer.name: ready.start(len(batch), constant[ready.layer.name]) for ready in network.layers}
    recorder = Recorder(probes, fan_out, graph.outputs[0])
    for begin in range(0, steps, STEPS):
        chunk = Chunk(len(batch), min(STEPS, steps - begin), begin)
        for ready in network.layers:
            name = ready.layer.name
            emitted, potentials, way = ready.advance(states[name], chunk, recorder.traces(name))
            recorder.keep(name, chunk, emitted, potentials, way)
            chunk.emitted[name] = emitted
            chunk.forget(network.done_with[name])
    counts = {
        ready.layer.name: ready.counted(states[ready.layer.name])
        for ready in network.layers
        if not isinstance(ready.layer.op, Readout)
    }
    return recorder.recording(graph, counts)
