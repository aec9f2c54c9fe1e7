"""Checks of simulators, on small networks whose arithmetic is exact."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snntk_core.errors import Incompatible
from snntk_core.graph import Graph
from snntk_core.ops import Array, IntegrateFire, NeuronOp, Readout, SpikeSource
from snntk_core.shapes import size
from snntk_core.simulator import Exportable, Probes, Recording, Runnable, Simulator
from snntk_core.testing.outcome import Fault, Skipped, configured, expect
from snntk_core.testing.resets import fitted, taken_of
from snntk_core.testing.spiking_graphs import (
    exact_batch,
    identity_network,
    networks,
    neuron_examples,
    op_examples,
    perceptron,
)
from snntk_core.testing.stepped_reference import simulate_plainly

STEPS = 12
LONG = 64
HAIR = 1e-6
SCORES = 1e-5
SUPPORT = "Capabilities are one declaration that check, this kit and the support matrix read."


def check_declared_ops_compile(simulator: type[Simulator]) -> None:
    """Every op it declares compiles alone in a tiny network, unless one of its own rules says why not."""
    instance, taken = configured(simulator), 0
    for op, graph in op_examples().items():
        if op not in simulator.capabilities.ops:
            continue
        ruled_out = simulator.capabilities.check(graph := fitted(simulator, graph))
        try:
            instance.compile(graph).close()
        except Exception as error:
            consistent = bool(ruled_out) and isinstance(error, Incompatible)
            expect(consistent, f"It declares {op.__name__} but raises {error!r}.", SUPPORT)
        else:
            expect(not ruled_out, f"It compiles {op.__name__} that check() refuses: {ruled_out}.", SUPPORT)
            taken += 1
    expect(taken > 0, "It compiles no op it declares.", SUPPORT)


def check_undeclared_ops_are_refused(simulator: type[Simulator]) -> None:
    """Every op it does not declare is reported by check() and refused by compile() with `Incompatible`, by name."""
    instance = configured(simulator)
    for op, graph in op_examples().items():
        if op in simulator.capabilities.ops:
            continue
        reported = [issue.node for issue in simulator.capabilities.check(graph)]
        expect("op" in reported, f"check() says nothing of {op.__name__}, which is not declared.", SUPPORT)
        hint = "Begin compile() with: issues = self.capabilities.check(graph), and raise Incompatible if there are any."
        try:
            instance.compile(graph).close()
        except Incompatible as error:
            named = "op" in [issue.node for issue in error.issues]
            expect(named, f"Refusing {op.__name__} does not name its node: {error}", hint)
        except Exception as error:
            raise Fault(f"compile() raises {error!r} for {op.__name__}, which is not declared. {hint}") from error
        else:
            raise Fault(f"compile() takes {op.__name__}, which is not declared. {hint}")


def check_batch_equals_one_by_one(simulator: type[Simulator]) -> None:
    """A sample gives the same spikes and scores alone as in a batch."""
    graph = fitted(simulator, perceptron())
    batch = exact_batch(graph)
    together = _run(simulator, graph, batch)
    for index in range(len(batch)):
        alone = _run(simulator, graph, batch[index : index + 1])
        same = np.allclose(alone.scores[0], together.scores[index], atol=SCORES) and all(
            np.array_equal(alone.spike_counts[name][0], counts[index]) for name, counts in together.spike_counts.items()
        )
        expect(same, f"Sample {index} runs differently alone and in a batch.", "Keep the state of samples apart.")


def check_second_run_equals_first(simulator: type[Simulator]) -> None:
    """A program run twice gives the same: every run begins in the initial state."""
    graph = fitted(simulator, perceptron())
    with _compiled(simulator, graph) as program:
        first, second = (program.run(exact_batch(graph), duration=STEPS) for _ in range(2))
    same = np.array_equal(first.scores, second.scores) and all(
        np.array_equal(counts, second.spike_counts[name]) for name, counts in first.spike_counts.items()
    )
    expect(same, "The second run of a program differs from the first.", "Reset all state, and seed what is random.")


def check_counts_are_possible(simulator: type[Simulator]) -> None:
    """Spike counts are integers between zero and the number of steps."""
    for title, graph in _graphs(simulator, networks()):
        for name, counts in _run(simulator, graph, exact_batch(graph)).spike_counts.items():
            expect(
                counts.dtype.kind in "iu", f"{title}: the counts of {name} are {counts.dtype}.", "Count in integers."
            )
            possible = counts.min() >= 0 and counts.max() <= STEPS
            expect(bool(possible), f"{title}: {name} counts {counts.min()} to {counts.max()} spikes in {STEPS} steps.")


def check_rates_follow_relu(simulator: type[Simulator]) -> None:
    """With reset by subtraction a constant drive between 0 and 1 gives a rate within one spike of it."""
    drive = np.random.default_rng(0).uniform(size=(4, 16)).astype(np.float32)
    drive[0, :4] = (0, 1, 0.5, 1 / 3)
    graph = identity_network(drive.shape[1])
    counts = _run(simulator, graph, drive, LONG).spike_counts["neuron"]
    off = float(np.abs(counts / LONG - drive).max())
    hint = "V(0) is zero; fire where V reaches the threshold; then subtract it."
    expect(off <= 1 / LONG + HAIR, f"A rate is off by {off * LONG:.2f} spikes in {LONG} steps.", hint)


def check_agrees_spike_for_spike(simulator: type[Simulator]) -> None:
    """Where arithmetic is exact, spikes equal those of a plain loop over steps, and scores do to 1e-5."""
    spiking = {op.__name__: graph for op, graph in op_examples().items() if op in simulator.capabilities.ops}
    for title, graph in _graphs(simulator, {**spiking, **neuron_examples(), **networks()}):
        batch = exact_batch(graph)
        expected, got = simulate_plainly(graph, batch, STEPS), _run(simulator, graph, batch)
        for name, counts in expected.counts.items():
            hint = "The docstrings of the neuron ops are the specification; a spike crosses the network in one step."
            here = got.spike_counts.get(name)
            expect(here is not None, f"{title}: there are no spike counts of {name}.")
            wrong = int((np.asarray(here) != counts).sum())
            expect(wrong == 0, f"{title}: {wrong} of {counts.size} spike counts of {name} are wrong.", hint)
        close = got.scores.shape == expected.scores.shape and np.allclose(got.scores, expected.scores, atol=SCORES)
        expect(close, f"{title}: the scores are not those of the readout.", "See the Readout op.")


def check_recording_shapes(simulator: type[Simulator]) -> None:
    """Every array of a recording has the shape that `Recording` documents, and probes agree with counts."""
    graph = fitted(simulator, perceptron())
    batch, names = exact_batch(graph), ("neuron1", "neuron2")
    with _compiled(simulator, graph) as program:
        got = program.run(batch, duration=STEPS, probes=Probes(spikes=names, potentials=names))
    spiking = [
        node.name for node in graph if isinstance(node.op, NeuronOp) and not isinstance(node.op, SpikeSource | Readout)
    ]
    wanted: dict[str, tuple[Array | None, tuple[int, ...]]] = {
        "scores": (got.scores, (len(batch), len(got.times), 3)),
        "synaptic_operations": (got.synaptic_operations, (len(batch),)),
    }
    for name in spiking:
        wanted[f"spike_counts of {name}"] = (got.spike_counts.get(name), (len(batch), size(graph.shapes[name])))
    for name in names:
        shape = (len(batch), len(got.times), size(graph.shapes[name]))
        wanted[f"potentials of {name}"] = (got.potentials.get(name), shape)
    for title, (array, documented) in wanted.items():
        if array is None:
            raise Fault(f"There are no {title}.")
        expect(np.shape(array) == documented, f"{title}: the shape is {np.shape(array)}, not {documented}.")
    if simulator.clock == "stepped":
        expect(np.array_equal(got.times, np.arange(1, STEPS + 1)), f"times is {got.times}, not 1 to {STEPS}.")
    for name in names:
        _expect_train(got, name)


def check_probes_are_heeded(simulator: type[Simulator]) -> None:
    """Potentials of chosen units are those of all units, and operations of every step add up to the total."""
    graph = fitted(simulator, perceptron())
    batch, units = exact_batch(graph), (2, 0)
    with _compiled(simulator, graph) as program:
        whole = program.run(batch, duration=STEPS, probes=Probes(potentials=("neuron1",)))
        few = Probes(potentials=("neuron1",), units={"neuron1": units}, operations=True)
        got = program.run(batch, duration=STEPS, probes=few)
    same = np.array_equal(got.potentials["neuron1"], whole.potentials["neuron1"][:, :, list(units)])
    expect(same, "Potentials of chosen units are not those of these units.", "Probes.units names flat indices.")
    hint = "snntk_core.simulator.operations_by_step counts them from spike trains."
    for name in got.spike_counts:
        expect(name in got.operations, f"There are no operations of {name}.", hint)
        shape = (len(batch), len(got.times))
        expect(got.operations[name].shape == shape, f"The operations of {name} are not (batch, steps).", hint)
    total = sum(counts.sum(axis=1) for counts in got.operations.values())
    expect(np.array_equal(total, got.synaptic_operations), "The operations of the steps do not add up.", hint)


def _expect_train(got: Recording, name: str) -> None:
    counts = got.spike_counts[name]
    expect(name in got.spikes, f"There is no spike train of {name}.")
    train, tally = got.spikes[name], np.zeros_like(counts)
    expect(len(train.sample) == len(train.time) == len(train.unit), f"The triples of {name} differ in length.")
    np.add.at(tally, (train.sample, train.unit), 1)
    expect(np.array_equal(tally, counts), f"The spike train of {name} does not add up to its spike counts.")


def check_exports_match_manifest(simulator: type[Simulator]) -> None:
    """The files of an export are those of its manifest, each with its sha256."""
    graph = fitted(simulator, perceptron())
    _expect_taken(simulator, graph)
    with configured(simulator).compile(graph) as program, tempfile.TemporaryDirectory() as folder:
        if not isinstance(program, Exportable):
            raise Skipped("it runs networks, it does not export them")
        artifact = program.export(Path(folder))
        files = {p.relative_to(artifact.directory).as_posix(): p for p in artifact.directory.rglob("*") if p.is_file()}
        sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    wrong = sorted(name for name in {*sums, *artifact.files} if sums.get(name) != artifact.files.get(name))
    expect(not wrong, f"The manifest and the folder differ in {', '.join(wrong)}.", "List each file with its sha256.")


def _expect_taken(simulator: type[Simulator], graph: Graph) -> None:
    issues = simulator.capabilities.check(graph)
    if issues:
        raise Skipped(f"it does not take the network of this check: {issues[0]}")


def _compiled(simulator: type[Simulator], graph: Graph) -> Runnable:
    _expect_taken(simulator, graph)
    program = configured(simulator).compile(graph)
    if not isinstance(program, Runnable):
        program.close()
        raise Skipped("it exports networks, it does not run them")
    return program


def _run(simulator: type[Simulator], graph: Graph, batch: Array, steps: int = STEPS) -> Recording:
    with _compiled(simulator, graph) as program:
        return program.run(batch, duration=steps)


def _graphs(simulator: type[Simulator], graphs: Mapping[str, Graph]) -> Iterator[tuple[str, Graph]]:
    """Yield the networks that the simulator takes and that hold neurons; raises `Skipped` if there are none."""
    taken = taken_of(simulator, graphs)
    if not taken:
        raise Skipped("it takes none of the networks of this check")
    for title, graph in taken.items():
        if any(isinstance(node.op, IntegrateFire) for node in graph):
            yield title, graph


CHECKS: tuple[Callable[[type[Any]], None], ...] = (
    check_declared_ops_compile,
    check_undeclared_ops_are_refused,
    check_batch_equals_one_by_one,
    check_second_run_equals_first,
    check_recording_shapes,
    check_probes_are_heeded,
    check_exports_match_manifest,
)
STEPPED_CHECKS: tuple[Callable[[type[Any]], None], ...] = (
    check_counts_are_possible,
    check_rates_follow_relu,
    check_agrees_spike_for_spike,
)
