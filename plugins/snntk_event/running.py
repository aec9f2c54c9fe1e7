"""Running one part of a batch: chunk of steps after chunk of steps, each through all layers."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from snntk_core import Array, Graph, IntegrateFire, Probes, Readout, Recording
from snntk_core.connectivity import synapses
from snntk_core.shapes import size
from snntk_event.announcing import announce
from snntk_event.choice import Way
from snntk_event.chunk import Chunk
from snntk_event.currents import Currents
from snntk_event.lowering import lower
from snntk_event.memory import Memory
from snntk_event.neurons import Neurons, neurons
from snntk_event.parallel import Team
from snntk_event.pools import Pool, pool
from snntk_event.random_spikes import NOTHING, Drawing, RandomSpikes, random_spikes
from snntk_event.recorder import Recorder

STEPS = 32  # steps of one chunk
MEMORY = 64 << 20  # bytes that one part may take, about
UNIT = 40  # bytes for each unit of a network: state, masks and events of a chunk of steps at a rate of a tenth
FEWEST = 4  # samples that make good use of weights in a cache
PARTS = 2  # of a batch of a small network, shared further by layer


@dataclass(frozen=True, eq=False)
class Network:
    """A graph made ready to run.

    ``done_with``: for each layer the spiking nodes that nothing after it reads.  ``fan_out``: the synapses of
    every unit of each spiking node, flat.  ``memories``: those that no part uses.
    """

    graph: Graph
    currents: Currents
    layers: tuple[Neurons | Pool, ...]
    done_with: Mapping[str, frozenset[str]]
    fan_out: Mapping[str, Array]
    memories: deque[Memory] = field(default_factory=deque)
    random: tuple[RandomSpikes, ...] = ()


def network(graph: Graph, way: Way) -> Network:
    """Return a valid spiking graph made ready to run; ``way``: how layers are computed wherever that is possible."""
    announce()
    lowered, tilings = lower(graph), {}
    ready: list[Neurons | Pool] = []
    random = random_spikes(graph)
    tilings |= {node.name: node.tiling for node in random}
    for layer in lowered.layers:
        if isinstance(layer.op, IntegrateFire | Readout):
            ready.append(neurons(graph, layer, lowered.currents, way, tilings))
        else:
            ready.append(pool(layer, lowered.currents, graph.shapes[layer.current]))
        tilings[layer.name] = ready[-1].tiling
    last = {source: layer.name for layer in lowered.layers for source in (layer.name, *layer.sources)}
    done = {layer.name: frozenset(s for s, name in last.items() if name == layer.name) for layer in lowered.layers}
    fan_out = {name: driven.astype(np.int64) for name, driven in synapses(graph).items()}
    return Network(graph, lowered.currents, _writing(ready), done, fan_out, random=random)


def _writing(ready: list[Neurons | Pool]) -> tuple[Neurons | Pool, ...]:
    """Return the layers such that those whose spikes are usually counted as bytes write them as trains."""
    reads = [(source, layer) for layer in ready for source in layer.layer.sources]
    counting = {id(layer) for layer in ready if isinstance(layer, Neurons) and layer.choice.counts_bytes}
    counted = {source for source, layer in reads if id(layer) in counting}
    counted -= {source for source, layer in reads if id(layer) not in counting}
    return tuple(
        replace(layer, as_trains=True) if isinstance(layer, Neurons) and layer.layer.name in counted else layer
        for layer in ready
    )


def units_of(graph: Graph) -> int:
    """Return how many units all nodes have."""
    return sum(size(shape) for shape in graph.shapes.values())


def part_size(units: int, batch: int) -> int:
    """Return how many samples of a batch run side by side; the number of threads has no say in it."""
    return max(1, min(MEMORY // (UNIT * units), max(FEWEST, -(-batch // PARTS))))


def run_part(
    network: Network, batch: Array, steps: int, probes: Probes, counts: Mapping[str, Array], team: Team
) -> Recording:
    """Run one part of a batch for ``steps`` from the initial state.

    ``counts``: (images, units) of every spiking node, written.  ``team`` are the threads that share its work.
    """
    graph, memory = network.graph, _memory(network)
    constant = _constant(network, batch, memory)
    states = {
        ready.layer.name: ready.start(constant.get(ready.layer.name), len(batch), memory) for ready in network.layers
    }
    recorder, drawing = Recorder(probes, network.fan_out, graph.outputs[0]), Drawing.of(network.random, graph, batch)
    for begin in range(0, steps, STEPS):
        team.go_on()
        chunk = Chunk(len(batch), min(STEPS, steps - begin), begin, memory=memory)
        drawing.emit(chunk)
        for name, emitted in chunk.emitted.items():
            recorder.keep(name, chunk, emitted, NOTHING, "random")
        for ready in network.layers:
            name = ready.layer.name
            emitted, potentials, way = ready.advance(states[name], chunk, recorder.traces(name), team)
            recorder.keep(name, chunk, emitted, potentials, way)
            chunk.emitted[name] = emitted
            chunk.forget(network.done_with[name])
    for name, drawn in drawing.counts.items():
        counts[name][...] = drawn
    for ready in network.layers:
        if ready.layer.name in counts:
            ready.count(states[ready.layer.name], counts[ready.layer.name])
    network.memories.append(memory)
    return recorder.recording(graph, counts)


def _constant(network: Network, batch: Array, memory: Memory) -> dict[str, Array | None]:
    """Return what layers receive while all neurons are silent, in their lanes; layers for which no input matters not.

    The core's ops compute what no product of `first` does.
    """
    currents, others = network.currents, []
    found: dict[str, Array | None] = {}
    for ready in network.layers:
        name = ready.layer.name
        if name in currents.received:
            if isinstance(ready, Pool):
                found[name] = currents.received[name]
        elif isinstance(ready, Neurons) and ready.first is not None:
            found[name] = ready.first.current(batch, memory)
        else:
            others.append(ready)
    made = currents.constant(batch) if others else {}
    for ready in others:
        name, pooled = ready.layer.name, isinstance(ready, Pool)
        found[name] = made[name] if pooled else ready.tiling.steady(made[name], ready.layer.shape)
    return found


def _memory(network: Network) -> Memory:
    """Return memory that no part uses now."""
    try:
        return network.memories.pop()
    except IndexError:  # asked first, another thread could take the last one in between
        return Memory()
