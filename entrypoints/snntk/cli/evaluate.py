"""Evaluate a model as it is on labeled data: accuracy, or error for targets, beside that of its own library."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from snntk.cli.blocks import Block, Column, Facts, Heading, Paragraph, Table, counted, numbers
from snntk.cli.options import (
    add_json,
    add_model,
    add_plugin_files,
    add_recipe,
    add_top_k,
    count,
    inputs_of,
    parser_of,
    registry_of,
    source_of,
)
from snntk.cli.output import answer, check_target, write_arrays
from snntk.cli.report import judged, measured
from snntk.conversion import as_graph
from snntk.given import as_source, is_saved
from snntk.judging import judged as judgment_of
from snntk.judging import outputs_of
from snntk_core.data import Data, load_data
from snntk_core.errors import MissingLibrary, PredictionUnavailable
from snntk_core.graph import Graph
from snntk_core.judge import decisions
from snntk_core.ops import Array
from snntk_core.parser import Parser, guarded
from snntk_core.pipeline import deviation, load
from snntk_core.reference import as_batch
from snntk_core.registry import Registry
from snntk_core.transform import Preserves

EXAMPLE = "snntk evaluate model.onnx --data test.npz --top-k 5"
SPIKING, ANALOG, LIBRARY = "SNN, endless steps", "ANN, as parsed", "ANN, by its library"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_model(parser)
    parser.add_argument("--data", metavar="FILE", required=True, help="samples: .npz with x and y, or a folder")
    add_top_k(parser)
    parser.add_argument("--samples", metavar="N", type=count, help="use only the first N samples")
    add_recipe(parser, steps=False)
    add_plugin_files(parser)
    add_json(parser)
    parser.add_argument("-o", "--output", metavar="FILE.npz", help="write predictions (n,) and scores (n, outputs)")


def execute(args: argparse.Namespace) -> int:
    """Evaluate and show."""
    check_target(args.json, args.output, inputs=inputs_of(args))
    registry = registry_of(args)
    data = load_data(args.data).limited(args.samples)
    graph, outputs, library, note = _outputs(args, registry, data)
    found = {name: judgment_of(values, graph, data, args.top_k or 1) for name, values in outputs.items()}
    first = next(iter(found.values()))
    if args.output:
        scores = outputs[next(iter(outputs))].reshape(len(data.x), -1)
        write_arrays(Path(args.output), arrays_of(scores, first.measure))
    facts = {
        "model": [str(path) for path in args.model],
        "data": args.data,
        "samples": first.samples,
        "measure": first.measure,
        "top_k": first.top_k,
        "values": {name: judgment.value for name, judgment in found.items()},
        "deviation_from_the_library": library,
        "note": note,
    }
    answer(facts, _blocks(facts), args.json)
    return 0


def arrays_of(scores: Array, measure: str) -> dict[str, Array]:
    """Return what is written of scores: the decisions too, unless the network decides nothing."""
    return {"scores": scores} if measure == "error" else {"predictions": decisions(scores), "scores": scores}


def _outputs(
    args: argparse.Namespace, registry: Registry, data: Data
) -> tuple[Graph, dict[str, Array], float | None, str]:
    """Return the graph, outputs by whose they are, how far apart they are, and why there are none of the library."""
    source, parser = source_of(args), parser_of(args, registry)
    if is_saved(source):
        graph = as_graph(source, parser, registry)
        return graph, {SPIKING if graph.spiking else ANALOG: outputs_of(graph, data)}, None, ""
    loaded = load(as_source(source), registry, parser)
    own = outputs_of(loaded.graph, data)
    name = SPIKING if loaded.graph.spiking else ANALOG
    try:
        theirs = _predicted(loaded.parser, loaded.model, as_batch(loaded.graph, data.x))
    except (MissingLibrary, PredictionUnavailable) as error:
        return loaded.graph, {name: own}, None, f"The library itself was not asked. {error}"
    return loaded.graph, {name: own, LIBRARY: theirs}, deviation(theirs, own, Preserves.OUTPUT), ""


def _predicted(parser: Parser, model: Any, batch: Array) -> Array:
    return np.asarray(guarded(parser, parser.predict, model, batch.astype(np.float32)))


def _blocks(facts: dict[str, Any]) -> Iterator[Block]:
    yield Heading(" ".join(Path(path).name for path in facts["model"]))
    yield Facts([("data", f"{facts['data']}, {counted(facts['samples'], 'sample')}")])
    name = measured(facts["measure"], facts["top_k"])
    rows = [(whose, judged(facts["measure"], value)) for whose, value in facts["values"].items()]
    yield Table("", [Column("network"), *numbers(name)], rows)
    if facts["deviation_from_the_library"] is not None:
        yield Paragraph(f"The two differ by {facts['deviation_from_the_library']:.1e} of the largest output.", "quiet")
    if facts["note"]:
        yield Paragraph(facts["note"], "quiet")
