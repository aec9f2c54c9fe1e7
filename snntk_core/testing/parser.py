"""Checks of parsers: what they accept, and that the graph is the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from snntk_core.artifact import load_graph, save_graph
from snntk_core.errors import GraphError
from snntk_core.graph import Graph
from snntk_core.ops import Array
from snntk_core.parser import Parser, Redirect
from snntk_core.pipeline import TOLERANCE, deviation
from snntk_core.reference import evaluate
from snntk_core.testing.comparison import difference, frozen
from snntk_core.testing.outcome import Examples, Fault, Skipped, configured, expect
from snntk_core.transform import Preserves

BATCHES = (1, 2, 5)


def check_rejects_foreign_objects(parser: type[Parser]) -> None:
    """Sources that are no models are not accepted, and asking never raises."""
    instance = configured(parser)
    with tempfile.TemporaryDirectory() as folder:
        for source in _foreign(Path(folder)):
            title = f"{type(source).__name__} {source!r}"
            try:
                answer = instance.accepts(source)
            except Exception as error:
                raise Fault(
                    f"accepts() raises {error!r} for the {title}. It answers False for what it cannot read."
                ) from error
            expect(
                answer is False, f"accepts() answers {answer!r} for the {title}.", "Look at types and file names first."
            )


def _foreign(folder: Path) -> Iterator[object]:
    note = folder / "shopping.txt"
    note.write_text("milk, bread, two pairs of socks\n", encoding="utf-8")
    yield from (None, 0, 3.5, True, "", "no-such-model.foreign", folder / "missing.foreign", note, str(note), folder)
    yield from (
        [],
        (),
        {},
        ["ab", "cd"],
        [1, 2],
        {"weights": 1},
        b"PK\x03\x04",
        object(),
        len,
        Parser,
        np.zeros((2, 2)),
    )
    yield (str(note), str(note))


def check_accepts_examples(parser: type[Parser], examples: Examples) -> None:
    """Every example is accepted."""
    for index, build in enumerate(_given(examples)):
        source = build()
        answer = configured(parser).accepts(source)
        expect(answer is True, f"accepts() answers {answer!r} for example {index}, a {type(source).__name__}.")


def check_parse_is_pure(parser: type[Parser], examples: Examples) -> None:
    """Parsing twice gives equal graphs and leaves the model as it was."""
    for instance, model, graph in _parsed(parser, examples):
        batch = _batch(graph, 2)
        before, output = frozen(model), np.asarray(instance.predict(model, batch))
        other = difference(graph, instance.parse(model))
        expect(
            not other, f"Parsing one model twice gives different graphs: {other}.", "Draw no names or values at random."
        )
        after = np.asarray(instance.predict(model, batch))
        unaltered = frozen(model) == before and np.array_equal(after, output)
        expect(unaltered, "parse() alters the model.", "Copy what you change; Graph and Op never write to arrays.")


def check_graph_verifies(parser: type[Parser], examples: Examples) -> None:
    """The graph is valid."""
    for _, _, graph in _parsed(parser, examples):
        try:
            graph.verify()
        except GraphError as error:
            raise Fault(
                f"{error} Shapes are channels-last, weights (in, out); see the docstrings of the ops."
            ) from error


def check_agrees_with_predict(parser: type[Parser], examples: Examples) -> None:
    """The graph puts out what the library puts out, on random input in batches of several sizes."""
    for instance, model, graph in _parsed(parser, examples):
        _verified(graph)
        alive = False
        for size in BATCHES:
            batch = _batch(graph, size)
            expected, got = np.asarray(instance.predict(model, batch)), evaluate(graph, batch)
            shapes = f"On a batch of {size} predict() has the shape {expected.shape}, the graph {got.shape}."
            expect(expected.shape == got.shape, shapes)
            moved = deviation(expected, got, Preserves.OUTPUT)
            hint = "Look for a transposed weight, a lost bias or activation, or an epsilon."
            expect(moved <= TOLERANCE, f"The graph's output is off by {moved:.1e} of predict()'s largest value.", hint)
            alive = alive or bool(expected.any())
        expect(alive, "predict() puts out zeros only, which proves nothing.", "Give another example.")


def check_names_are_readable(parser: type[Parser], examples: Examples) -> None:
    """Every node has a printable name of its own, without spaces at its ends."""
    for _, _, graph in _parsed(parser, examples):
        names = [node.name for node in graph]
        bad = [
            name
            for name in names
            if not (isinstance(name, str) and name and name.isprintable() and name == name.strip())
        ]
        hint = "People find their layers by these names."
        expect(not bad, f"The names {bad} cannot be read.", hint)
        twice = sorted({name for name in names if names.count(name) > 1})
        expect(not twice, f"The names {', '.join(twice)} are used twice.", hint)


def check_graph_survives_saving(parser: type[Parser], examples: Examples) -> None:
    """The graph saved and opened again puts out the same bits."""
    for _, _, graph in _parsed(parser, examples):
        _verified(graph)
        batch = _batch(graph, 2)
        hint = "Ops hold numbers, strings, tuples and arrays only."
        try:
            with tempfile.TemporaryDirectory() as folder:
                again = load_graph(save_graph(graph, Path(folder) / "graph.snntk"))
        except Exception as error:
            raise Fault(f"The graph cannot be saved and opened: {error!r}. {hint}") from error
        same = evaluate(graph, batch).tobytes() == evaluate(again, batch).tobytes()
        expect(same, "The saved graph computes other values.", hint)


def _given(examples: Examples) -> Examples:
    if not examples:
        raise Skipped("there are no examples; set examples = (build_small_model,) on the class")
    return examples


def _parsed(parser: type[Parser], examples: Examples) -> Iterator[tuple[Parser, Any, Graph]]:
    """Yield the parser with each example's model and graph."""
    instance, redirects = configured(parser), []
    for build in _given(examples):
        model = instance.load(build())
        if isinstance(model, Redirect):
            redirects.append(model.parser)
        else:
            yield instance, model, instance.parse(model)
    if len(redirects) == len(examples):
        raise Skipped(
            f"load() redirects every example to {', '.join(dict.fromkeys(redirects))}, which has checks of its own"
        )


def _verified(graph: Graph) -> None:
    try:
        graph.verify()
    except GraphError as error:
        raise Skipped("the graph is not valid, see check_graph_verifies") from error


def _batch(graph: Graph, samples: int) -> Array:
    return np.random.default_rng(samples).normal(size=(samples, *graph.input_shape)).astype(np.float32)


CHECKS: tuple[Callable[[type[Any]], None], ...] = (check_rejects_foreign_objects,)
EXAMPLE_CHECKS: tuple[Callable[[type[Any], Examples], None], ...] = (
    check_accepts_examples,
    check_parse_is_pure,
    check_graph_verifies,
    check_agrees_with_predict,
    check_names_are_readable,
    check_graph_survives_saving,
)
