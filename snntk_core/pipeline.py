"""The straight line: load, parse, rewrite, make spiking, check, compile, run, report.  Each step is checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from snntk_core.calibration import check_calibration
from snntk_core.data import Data
from snntk_core.errors import DataError, DeviationError, Incompatible, MissingLibrary, PredictionUnavailable, SnntkError
from snntk_core.graph import Graph
from snntk_core.judge import Judge
from snntk_core.ops import Array, SpikeSource
from snntk_core.parser import Parser, Redirect, guarded
from snntk_core.plan import Plan
from snntk_core.provenance import formats_lost, traced
from snntk_core.quantization import QuantizeStep
from snntk_core.reference import as_batch, evaluate, part_size
from snntk_core.registry import Registry, describe
from snntk_core.result import Accuracy, Result, StageRecord
from snntk_core.simulator import Runnable, runs_nothing
from snntk_core.tally import DecisionTally, LayerTally, likeness, report_times
from snntk_core.transform import Context, Preserves, Progress, Stage, Transform, quiet

TOLERANCE = 1e-4
PROBES = 16
SEED = 0


@dataclass(frozen=True, eq=False)
class Loaded:
    """A parsed model: the parser, its own model object, and the graph."""

    parser: Parser
    model: Any
    graph: Graph


def load(source: object, registry: Registry, parser: Parser | None = None) -> Loaded:
    """Return a source as a verified graph, found by what the parsers accept, or read by ``parser``.

    Raises `UnreadableSource`, `MissingLibrary` and `ParseError`.
    """
    seen: list[str] = []
    while True:
        parser = parser or registry.parser_for(source)()
        parser.require()
        model = guarded(parser, parser.load, source)
        if not isinstance(model, Redirect):
            break
        seen.append(parser.name)
        if model.parser in seen:
            raise SnntkError(f"The parsers {' and '.join(seen)} send the model to each other.")
        source, parser = model.source, registry.parsers[model.parser]()
    graph = guarded(parser, parser.parse, model).verify()
    return Loaded(parser, model, replace(graph, meta={"parser": parser.name, **graph.meta}))


def probe_batch(graph: Graph, samples: Array | None) -> Array:
    """Return a few samples in float64 to compare graphs on: given ones, or normal noise with a fixed seed.

    Noise keeps within the limits of the graph's input.
    """
    if samples is not None and len(samples):
        return as_batch(graph, samples[:PROBES]).astype(np.float64)
    noise = np.random.default_rng(SEED).normal(size=(PROBES, *graph.input_shape))
    op = graph.source.op
    return np.clip(noise, op.lowest, op.largest) if isinstance(op, SpikeSource) and op.largest is not None else noise


def deviation(before: Array, after: Array, promise: Preserves) -> float:
    """Return how far ``after`` is from ``before``, relative to its largest value.

    For `Preserves.SCALE`, from the positive multiple of ``before`` that is nearest; infinite if that factor is not
    positive or the shapes differ.
    """
    before, after = before.reshape(len(before), -1), after.reshape(len(after), -1)
    if before.shape != after.shape:
        return float("inf")
    if promise is Preserves.SCALE:
        factor = float((before * after).sum()) / (float((before * before).sum()) or 1.0)
        if factor <= 0 and before.any():
            return float("inf")
        before = before * factor
    return float(np.abs(after - before).max() / (np.abs(before).max() or 1.0))


@dataclass
class Line:
    """The steps of a plan applied one after the other, each timed, compared and announced."""

    registry: Registry
    context: Context
    ledger: list[StageRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    outputs: Array = field(default_factory=lambda: np.zeros(0))
    outputs_of: Graph | None = None  # the graph last compared, on `probes`: its outputs serve the next step
    probes: Array = field(default_factory=lambda: np.zeros(0))

    def announce(self, record: StageRecord) -> None:
        """Add a record to the ledger and tell the observers."""
        self.ledger.append(record)
        self.notes += self.registry.notify("snntk_stage_finished", record=record)

    def parse(self, source: object, parser: Parser | None) -> Loaded:
        """Load a model and compare the graph with the library's own output, if the library is there to tell."""
        start = perf_counter()
        loaded, note = load(source, self.registry, parser), ""
        moved: float | None = None
        batch = probe_batch(loaded.graph, self.context.calibration).astype(np.float32)
        try:
            expected = np.asarray(guarded(loaded.parser, loaded.parser.predict, loaded.model, batch))
            moved = deviation(expected, evaluate(loaded.graph, batch), Preserves.OUTPUT)
        except (MissingLibrary, PredictionUnavailable) as error:
            self.notes.append(note := f"The parsed network was not compared with the library's own output. {error}")
        seconds, count = perf_counter() - start, len(loaded.graph)
        self.announce(StageRecord("parse", loaded.parser.name, "output", seconds, 0, count, moved, note))
        if moved is not None and not moved <= TOLERANCE:
            raise DeviationError(f"The parser {loaded.parser.name}", "output", moved, TOLERANCE, ())
        return loaded

    def step(self, graph: Graph, step: Transform | QuantizeStep) -> Graph:
        """Apply one step; raises `DeviationError` when it breaks its promise."""
        start = perf_counter()
        remarks: list[str] = []
        if isinstance(step, QuantizeStep):
            if self.context.unquantized is None:
                self.context = replace(self.context, unquantized=graph)
            after, stage, promise = step.apply(graph, self.context.calibration), Stage.QUANTIZE, Preserves.NOTHING
            remarks += filter(None, [step.remark(graph)])
        else:
            context = replace(self.context, note=remarks.append)
            try:
                after, stage, promise = step.apply(graph, context).verify(), step.stage, step.preserves
            except Incompatible as error:
                raise Incompatible(error.target, traced(graph, error.issues)) from error
        seconds = perf_counter() - start
        moved = 0.0
        if after is not graph:
            batch = probe_batch(after, self.context.calibration)
            known = self.outputs_of is graph and np.array_equal(batch, self.probes)
            outputs = self.outputs if known else evaluate(graph, batch)
            self.outputs, self.outputs_of, self.probes = evaluate(after, batch), after, batch
            moved = deviation(outputs, self.outputs, promise)
        lost = "" if isinstance(step, QuantizeStep) else formats_lost(step.name, graph, after)
        remarks += filter(None, [lost])
        self.notes += remarks
        counts, note = (len(graph), len(after)), " ".join(remarks)
        self.announce(StageRecord(stage.name.lower(), step.name, promise.value, seconds, *counts, moved, note))
        if promise is not Preserves.NOTHING and not moved <= TOLERANCE:
            before = [record.component for record in self.ledger[:-1]]
            raise DeviationError(step.name, promise.value, moved, TOLERANCE, before)
        return after

    def convert(self, graph: Graph, plan: Plan, progress: Progress = quiet) -> tuple[Graph, Graph]:
        """Return the network just before it is made spiking, and the spiking network."""
        analog = graph
        for index, step in enumerate(plan.steps):
            progress(f"Converting: {step.name}", index, len(plan.steps))
            after = self.step(graph, step)
            if after.spiking and not graph.spiking:
                analog = graph
            graph = after
        if not graph.spiking:
            raise SnntkError(f"The recipe {plan.title} has no spike code, so the network did not become spiking.")
        return analog, graph


def execute(plan: Plan, source: object, data: Data, registry: Registry, *, progress: Progress = quiet) -> Result:
    """Run a plan on a model and data, and return the result.

    Raises whatever the steps raise, `DataError` for data that does not fit, and `Incompatible` with every issue when
    the simulator cannot take the network.
    """
    start = perf_counter()
    line = Line(registry, Context(data.calibration, int(plan.duration), progress=progress))
    line.notes += check_calibration(plan, data)
    progress("Reading the model", 0, 1)
    loaded = line.parse(source, plan.parser)
    x = as_batch(loaded.graph, data.x)
    if not len(x):
        raise DataError("The data holds no samples.")
    judge = Judge.of(loaded.graph, data, plan.top_k)
    analog, graph = line.convert(loaded.graph, plan, progress)
    issues = plan.simulator.capabilities.check(graph)
    if issues:
        raise Incompatible(plan.simulator.name, traced(graph, issues))
    as_batch(graph, x)  # before anything is run, samples that input spikes cannot carry are refused
    accuracy, layers = _simulate(plan, loaded.graph, analog, graph, x, judge, line, progress)
    result = Result(
        source=loaded.graph.meta.get("source", describe(source)),
        plan=plan,
        graph=graph,
        analog=analog,
        ledger=tuple(line.ledger),
        accuracy=accuracy,
        layers=layers.finish(analog, x),
        cost=layers.cost(analog),
        calibration_samples=0 if data.calibration is None else len(data.calibration),
        seconds=perf_counter() - start,
        notes=tuple(line.notes),
    )
    failures = registry.notify("snntk_run_finished", result=result)
    return replace(result, notes=(*result.notes, *failures)) if failures else result


def _simulate(
    plan: Plan, parsed: Graph, analog: Graph, graph: Graph, x: Array, judge: Judge, line: Line, progress: Progress
) -> tuple[Accuracy, LayerTally]:
    duration = int(plan.duration)
    decisions = DecisionTally(report_times(duration, plan.times), judge)
    layers = LayerTally(graph, duration, min(plan.samples, len(x)))
    start = perf_counter()
    outputs = evaluate(parsed, x)
    step = part_size(graph)
    with plan.simulator.compile(graph) as program:
        if not isinstance(program, Runnable):
            raise SnntkError(runs_nothing(plan.simulator))
        for begin in range(0, len(x), step):
            progress("Simulating", begin, len(x))
            part = slice(begin, begin + step)
            recording = program.run(x[part], duration=plan.duration)
            decisions.add(recording, outputs[part], part)
            layers.add(recording)
    progress("Simulating", len(x), len(x))
    line.announce(
        StageRecord("simulate", plan.simulator.name, "nothing", perf_counter() - start, len(graph), len(graph))
    )
    progress("Evaluating the analog networks", 0, 1)
    start = perf_counter()
    limit = evaluate(graph, x)
    accuracy = decisions.finish(
        judge.judgment(outputs),
        judge.judgment(evaluate(analog, x)) if judge.judges else None,
        judge.judgment(limit),
        likeness(limit, outputs)[1],
    )
    line.announce(StageRecord("evaluate", "reference", "nothing", perf_counter() - start, len(analog), len(analog)))
    return accuracy, layers
