"""A spiking network on Loihi's grid: what its cores hold is what the graph says, so numpy runs the same numbers.

Weights between neurons get mantissas of 8 bits with an exponent for each op, thresholds, initial potentials and biases
become whole units, and each population gets a unit ``2**-s``: small enough for its weights, large enough that no sum of
synapses overflows.  Powers of two only, so every potential keeps the model's own scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from snntk_core import Array, Graph, IntegrateFire, LinearOp, Node, Scale, WeightedOp
from snntk_core.connectivity import steady
from snntk_core.unrolled import Population, Projection, Unrolled, given, unroll
from snntk_loihi.limits import BIAS, LARGEST_BIAS, POTENTIAL, STEADY, SYNAPTIC, THRESHOLD, UNIT, WEIGHT
from snntk_loihi.rounding import few_bits, finest, on_step, width

ATTEMPTS = 24
WIDEST = 40  # binary digits of a sum of weights: what has more is no sum of rounded ones
USUAL_THRESHOLD = 1023  # units: leaves room for currents of 32 thresholds and potentials of -128
ANY = 99  # more than any unit needs


@dataclass(frozen=True, eq=False)
class Grid:
    """A network on the grid.

    ``scale``: for each population of neurons on cores the ``s`` of its unit ``2**-s``.  ``unfit``: the populations for
    which there is none.  ``lost``: weighted ops of which no weight is left.
    """

    graph: Graph
    network: Unrolled
    scale: Mapping[str, int]
    unfit: frozenset[str]
    lost: frozenset[str]


_KNOWN: WeakKeyDictionary[Graph, Grid] = WeakKeyDictionary()


def grid_of(graph: Graph) -> Grid:
    """Return the grid of a valid spiking graph; it is computed once for each graph."""
    if graph not in _KNOWN:
        _KNOWN[graph] = _grid(graph)
    return _KNOWN[graph]


def _grid(graph: Graph) -> Grid:
    """Round, coarser where sums of synapses or thresholds would not fit, until everything fits or nothing is left."""
    source = _amplitudes(graph)
    between = between_neurons(source)
    coarser = dict.fromkeys(between, 0)
    for attempt in range(ATTEMPTS):
        work = _weights(source, coarser)
        network = unroll(work)
        scale = {p.name: _scale(p, network.into(p.name)) for p in network.populations if _on_cores(work, p)}
        unfit = frozenset(name for name, s in scale.items() if s is None)
        guilty = _finest_of(work, network, unfit, coarser)
        if not guilty or attempt == ATTEMPTS - 1:
            break
        coarser = {name: more + (name in guilty) for name, more in coarser.items()}
    found = {name: s for name, s in scale.items() if s is not None}
    found = _with_biases(network, found)
    done = _constants(work, found, between)
    lost = frozenset(name for name in between if _strength(graph[name]).any() and not _strength(work[name]).any())
    return Grid(done, network if done is work else unroll(done), found, unfit, lost)


def _finest_of(work: Graph, network: Unrolled, unfit: Iterable[str], coarser: Mapping[str, int]) -> set[str]:
    """Return the ops before populations that do not fit whose weights have the finest steps of those with any left.

    None where weights are no short binary fractions, as behind a mean of nine: no rounding of the ops changes that.
    """
    found: set[str] = set()
    for each in unfit:
        if width(_arriving(network.into(each))) <= WIDEST:
            steps = {name: finest(_strength(work[name])) for name in _above(work, each) if name in coarser}
            left = {name: step for name, step in steps.items() if step is not None}
            found |= {name for name, step in left.items() if step == max(left.values())}
    return found


def _on_cores(graph: Graph, population: Population) -> bool:
    return isinstance(population.op, IntegrateFire) and not given(graph, population.name)


def _strength(node: Node) -> Array:
    return node.op.factor if isinstance(node.op, Scale) else node.op.arrays["weight"]


def between_neurons(graph: Graph) -> tuple[str, ...]:
    """Return the ops with weights that spikes pass."""
    quiet = steady(graph)
    spiking = {node.name for node in graph if not isinstance(node.op, LinearOp) and node.name not in quiet}
    for node in graph:
        if isinstance(node.op, LinearOp) and spiking.intersection(node.inputs):
            spiking.add(node.name)
    return tuple(n.name for n in graph if n.name in spiking and isinstance(n.op, WeightedOp | Scale))


def _amplitudes(graph: Graph) -> Graph:
    """Give what a spike carries 8 bits; weights multiply it."""
    for node in graph:
        if isinstance(node.op, IntegrateFire) and node.name not in steady(graph):
            carried = few_bits(node.op.spike)
            if not np.array_equal(carried, node.op.spike):
                graph = _changed(graph, node, amplitude=carried)
    return graph


def _weights(graph: Graph, coarser: Mapping[str, int]) -> Graph:
    for name, more in coarser.items():
        node = graph[name]
        rounded = few_bits(_strength(node), more)
        if not np.array_equal(rounded, _strength(node)):
            graph = _changed(graph, node, **{"factor" if isinstance(node.op, Scale) else "weight": rounded})
    return graph


def _changed(graph: Graph, node: Node, **arrays: Array) -> Graph:
    return graph.replace(node.name, replace(node.op, **arrays))


def _above(graph: Graph, name: str) -> Iterable[str]:
    """Yield the linear ops that lead to a population from the ones before."""
    pending, seen = list(graph[name].inputs), set()
    while pending:
        above = pending.pop()
        if above not in seen and isinstance(graph[above].op, LinearOp):
            seen.add(above)
            yield above
            pending += graph[above].inputs


def _scale(population: Population, projections: tuple[Projection, ...]) -> int | None:
    """Return the ``s`` of a population's unit, or None if its numbers have no unit in common that fits."""
    threshold, weight = population.threshold.max(), _arriving(projections)
    initial = np.abs(population.initial_potential).max()
    most = [_fitting(THRESHOLD, threshold), _fitting(POTENTIAL, initial)]
    if weight.size:
        usual = max(_least(population, weight), _fitting(USUAL_THRESHOLD, threshold))
        most += [_fitting(SYNAPTIC, _busiest(population, projections)), _fitting(WEIGHT, np.abs(weight).max())]
    else:
        usual = min(_fitting(STEADY, threshold), _fitting(LARGEST_BIAS, threshold + initial))
    found = min(usual, *most)
    return None if found < _least(population, weight) else found


def _arriving(projections: tuple[Projection, ...]) -> Array:
    return np.concatenate([projection.weight for projection in projections]) if projections else np.zeros(0)


def _least(population: Population, weight: Array) -> int:
    """Return the smallest ``s`` that makes weights whole pairs of units and thresholds two units or more."""
    least, step = int(np.ceil(np.log2(2 / population.threshold.min()))), finest(weight)
    return least if step is None else max(least, step + 1)


def _fitting(units: int, value: float) -> int:
    """Return the largest ``s`` for which ``value`` is at most so many units of ``2**-s``."""
    return int(np.floor(np.log2(units / value))) if value else ANY


def _busiest(population: Population, projections: tuple[Projection, ...]) -> float:
    """Return the largest current that synapses of one sign can add to a unit in one step."""
    total = np.zeros((2, population.inputs))
    for projection in projections:
        for row, weight in enumerate((np.maximum(projection.weight, 0), np.maximum(-projection.weight, 0))):
            total[row] += np.bincount(projection.after, weight, population.inputs)
    return float(total.max())


def _with_biases(network: Unrolled, scale: Mapping[str, int]) -> dict[str, int]:
    """Return larger units where a constant current would need more than 12 bits and the weights allow it."""
    silent = network.currents(np.zeros((1, *network.graph.input_shape), np.float32))
    found = dict(scale)
    for name, s in scale.items():
        weight, largest = _arriving(network.into(name)), float(np.abs(silent[name]).max())
        if weight.size:
            found[name] = max(_least(network[name], weight), min(s, _fitting(BIAS, largest)))
    return found


def _constants(graph: Graph, scale: Mapping[str, int], between: tuple[str, ...]) -> Graph:
    """Round thresholds, initial potentials, and the biases of ops between neurons."""
    for name, s in scale.items():
        node = graph[name]
        graph = _neurons(graph, node, s, steady(graph).issuperset(node.inputs))
        for above in _above(graph, name):
            bias = "offset" if isinstance(graph[above].op, Scale) else "bias"
            value = graph[above].op.arrays.get(bias)
            if above in between and value is not None:
                graph = _changed(graph, graph[above], **{bias: on_step(value, s)})
    return graph


def _neurons(graph: Graph, node: Node, s: int, only_input: bool) -> Graph:
    """Round what neurons hold: to whole units where spikes arrive, else as fine as a potential can be.

    A core says the last potential without a spike, in whole units; where potentials are finer, the first with one lies
    just above it.
    """
    op, fine = node.op, s + int(np.log2(UNIT))
    whole = np.ceil(np.ldexp(op.threshold.astype(np.float64), s)) if only_input else np.rint(np.ldexp(op.threshold, s))
    threshold = np.ldexp(whole - 1 + 1 / UNIT if only_input else whole, -s).astype(op.threshold.dtype)
    amplitude = op.spike if op.amplitude is None and not np.array_equal(threshold, op.threshold) else op.amplitude
    initial = on_step(op.initial_potential, fine if only_input else s)
    return graph.replace(node.name, replace(op, threshold=threshold, initial_potential=initial, amplitude=amplitude))


def last_without_spike(population: Population, s: int) -> Array:
    """Return the largest potential, as a core counts, at which a neuron stays silent: a multiple of 64."""
    return (np.ceil(np.ldexp(population.threshold, s)).astype(np.int64) - 1) * UNIT
