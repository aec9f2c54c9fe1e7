"""Checks of transforms, on random networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snntk_core.errors import Incompatible, OptionError, SnntkError
from snntk_core.graph import Graph
from snntk_core.number_format import NumberFormat
from snntk_core.ops import ActivationOp, Array, ClippedRelu, Relu, WeightedOp
from snntk_core.pipeline import TOLERANCE, deviation
from snntk_core.quantized_output import with_output_format
from snntk_core.reference import evaluate
from snntk_core.testing.comparison import CLOSE, difference
from snntk_core.testing.outcome import Fault, Skipped, configured, expect
from snntk_core.testing.random_graphs import random_batch, random_graph
from snntk_core.testing.spiking_graphs import networks
from snntk_core.transform import Context, Preserves, Stage, Transform

SEEDS = range(16)
QUANTIZED = 1  # networks in few bits: calibrating one takes a while


@dataclass(frozen=True, eq=False)
class Case:
    """A network to rewrite, what the transform may know, and samples to compare on."""

    title: str
    graph: Graph
    context: Context
    batch: Array


def check_stage_declared(transform: type[Transform]) -> None:
    """The class says when it runs, what it preserves, and whether it needs calibration samples."""
    for name, kind in (("stage", Stage), ("preserves", Preserves), ("needs_calibration", bool)):
        value = getattr(transform, name, None)
        expect(isinstance(value, kind), f"{name} is {value!r}.", f"Set {name}: ClassVar[{kind.__name__}] on the class.")


def check_apply_is_pure(transform: type[Transform]) -> None:
    """Applying leaves the given graph as it was, and gives equal graphs each time."""
    for case, after in _applied(transform):
        graph = case.graph
        text, output = str(graph), evaluate(graph, case.batch)
        arrays = [array.copy() for node in graph for array in node.op.arrays.values()]
        other = difference(after, _quick(transform).apply(graph, case.context))
        same = all(map(np.array_equal, arrays, (array for node in graph for array in node.op.arrays.values())))
        untouched = same and str(graph) == text and np.array_equal(evaluate(graph, case.batch), output)
        expect(untouched, f"apply() alters the graph it is given ({case.title}).", "Return a new graph.")
        expect(not other, f"Applying twice to one graph differs in {other} ({case.title}).", "Draw nothing at random.")


def check_leaves_graph_valid(transform: type[Transform]) -> None:
    """What comes out is a valid graph."""
    for case, after in _applied(transform):
        try:
            after.verify()
        except SnntkError as error:
            raise Fault(f"{error} ({case.title}) Nodes come after what they read; graph.verify() says more.") from error


def check_keeps_its_promise(transform: type[Transform]) -> None:
    """The output moves no further than ``preserves`` allows."""
    if transform.preserves is Preserves.NOTHING:
        raise Skipped("it promises nothing of the output")
    for case, after in _applied(transform):
        moved = deviation(evaluate(case.graph, case.batch), evaluate(after, case.batch), transform.preserves)
        expect(
            moved <= TOLERANCE,
            f"It says it preserves {transform.preserves}, but the output moved by {moved:.1e} ({case.title}).",
            "Leave alone what cannot be rewritten exactly, or declare what is true.",
        )


def check_twice_equals_once(transform: type[Transform]) -> None:
    """Applying it to its own result changes nothing."""
    for case, after in _applied(transform):
        try:
            again = _quick(transform).apply(after, case.context)
        except Exception as error:
            raise Fault(
                f"Its own result makes it raise {error!r} ({case.title}). Return a finished graph as it is."
            ) from error
        other = difference(after, again, CLOSE)
        expect(not other, f"Applying it again changes {other} ({case.title}).", "Return a finished graph as it is.")


def check_keeps_input(transform: type[Transform]) -> None:
    """The input keeps its name and the model's own layout; there are as many outputs as before."""
    for case, after in _applied(transform):
        before = case.graph
        kept = after.source.name == before.source.name and after.input_shape == before.input_shape
        expect(kept, f"The input {before.source.name} changed its name or shape ({case.title}).", "Leave it as it is.")
        expect(len(after.outputs) == len(before.outputs), f"Outputs came or went ({case.title}).", "Keep all of them.")


def check_refuses_by_name(transform: type[Transform]) -> None:
    """A graph it cannot rewrite is refused with `Incompatible`, and every issue names a node of the graph."""
    instance = _quick(transform)
    for case in (*_random_cases(friendly=False), *_cases(transform)):
        try:
            instance.apply(case.graph, case.context)
        except Incompatible as error:
            strange = [issue.node for issue in error.issues if issue.node not in case.graph]
            good = bool(error.issues) and not strange
            expect(good, f"A refusal names {strange or 'no node'} ({case.title}).", "Give Issue the name of the node.")
        except Exception as error:
            raise Fault(
                f"apply() raises {error!r} ({case.title}). Raise Incompatible with an Issue for each node."
            ) from error


def check_declares_calibration(transform: type[Transform]) -> None:
    """Without ``needs_calibration`` it works, and works the same, without calibration samples."""
    if transform.needs_calibration:
        raise Skipped("it needs calibration samples")
    for case, after in _applied(transform):
        hint = "Set needs_calibration: ClassVar[bool] = True."
        try:
            other = difference(after, _quick(transform).apply(case.graph, Context(steps=case.context.steps)))
        except Exception as error:
            raise Fault(f"Without calibration samples it raises {error!r} ({case.title}). {hint}") from error
        expect(not other, f"Without calibration samples the result differs in {other} ({case.title}).", hint)


def check_makes_networks_spiking(transform: type[Transform]) -> None:
    """A spike code makes the networks that a rate code can take spiking."""
    for case, after in _applied(transform):
        analog = f"The network is not spiking afterwards ({case.title})."
        expect(after.spiking, analog, "Replace the Input by a SpikeSource and activations by neurons.")


def _quick(transform: type[Transform]) -> Transform:
    """Return the transform with its defaults, but for what it declares to be less work."""
    default = configured(transform)
    try:
        return transform.configure(transform.quick)
    except OptionError as error:
        raise Fault(f"quick = {dict(transform.quick)!r} is none of the options of {default.name}: {error}") from error


def _applied(transform: type[Transform]) -> Iterator[tuple[Case, Graph]]:
    """Yield each case with its result; refusals are left out, and a `Fault` is raised if all are refused."""
    instance, done = _quick(transform), 0
    for case in _cases(transform):
        try:
            after = instance.apply(case.graph, case.context)
        except Incompatible as error:
            refusal = error
            continue
        done += 1
        yield case, after
    if not done:
        raise Fault(f"Every network is refused, the last one so: {refusal}")


def _cases(transform: type[Transform]) -> Iterator[Case]:
    if transform.stage > Stage.SPIKIFY:
        for title, graph in networks().items():
            yield _case(f"the spiking network {title!r} of the kit", graph, np.random.default_rng(0))
        return
    if transform.stage is Stage.QUANTIZE:
        yield from map(_quantized_case, range(QUANTIZED))
    yield from _random_cases(friendly=True, headless=transform.stage is Stage.SPIKIFY)
    if transform.stage < Stage.SPIKIFY:
        yield from _random_cases(friendly=False)


def _random_cases(*, friendly: bool, headless: bool = False) -> Iterator[Case]:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        graph = random_graph(rng, spiking_friendly=friendly)
        options = ", spiking_friendly=True" if friendly else ""
        yield _case(
            f"random_graph(default_rng({seed}){options})", _without_classifier(graph) if headless else graph, rng
        )


def _quantized_case(seed: int) -> Case:
    """Return a random network with weights and rectified outputs in four bits, and what it was before."""
    rng = np.random.default_rng(seed)
    floating = graph = random_graph(rng, spiking_friendly=True)
    for node in floating:
        if isinstance(node.op, WeightedOp):
            found = NumberFormat.spanning(4, np.abs(node.op.arrays["weight"]).max())
            op = replace(node.op, weight=found.round(node.op.arrays["weight"]))  # type: ignore[call-arg]
            graph = graph.replace(node.name, op, formats={"weight": found})
        elif isinstance(node.op, Relu):
            graph = with_output_format(graph, node.name, NumberFormat.spanning(4, 3.0, signed=False))
    case = _case(f"random_graph(default_rng({seed}), spiking_friendly=True) in four bits", graph, rng)
    return replace(case, context=replace(case.context, unquantized=floating))


def _case(title: str, graph: Graph, rng: np.random.Generator) -> Case:
    batch = rng.normal(size=(8, *graph.input_shape))
    return Case(title, graph, Context(random_batch(rng, graph, 32)), batch)


def _without_classifier(graph: Graph) -> Graph:
    """Return the graph without a last nonlinearity that belongs to the readout."""
    last = graph[graph.outputs[0]]
    keeps = not isinstance(last.op, ActivationOp) or isinstance(last.op, Relu | ClippedRelu)
    return graph if keeps else graph.bypass(last.name)


CHECKS: tuple[Callable[[type[Any]], None], ...] = (
    check_stage_declared,
    check_apply_is_pure,
    check_leaves_graph_valid,
    check_keeps_its_promise,
    check_twice_equals_once,
    check_keeps_input,
    check_refuses_by_name,
    check_declares_calibration,
)
SPIKE_CODE_CHECKS: tuple[Callable[[type[Any]], None], ...] = (check_makes_networks_spiking,)
