"""Convert a model, simulate the spiking network on test data, and report how close it stayed and what it cost."""

from __future__ import annotations

import argparse

from snntk import api
from snntk.cli import report
from snntk.cli.options import (
    add_json,
    add_model,
    add_plugin_files,
    add_recipe,
    add_simulator,
    add_top_k,
    count,
    inputs_of,
    recipe_of,
    registry_of,
    source_of,
)
from snntk.cli.output import answer, check_target
from snntk.cli.render import progress
from snntk_core.data import Data, load_data
from snntk_core.registry import Registry
from snntk_core.result import Result

EXAMPLE = "snntk run model.onnx --data test.npz --calibration train.npz --steps 64"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_model(parser)
    parser.add_argument("--data", metavar="FILE", required=True, help="test samples: .npz with x and y, or a folder")
    parser.add_argument("--calibration", metavar="FILE", help="training samples, unless the data holds them")
    add_recipe(parser)
    add_simulator(parser, "where to run it (default: the recipe's, else event or numpy)")
    parser.add_argument("--samples", metavar="N", type=count, help="use only the first N test samples")
    add_top_k(parser)
    add_plugin_files(parser)
    add_json(parser, "print the report as JSON instead of the tables, or write it to a .json file")
    parser.add_argument("-o", "--output", metavar="FILE.snntk", help="save the spiking network")


def execute(args: argparse.Namespace) -> int:
    """Run the line and report."""
    check_target(args.json, args.output, inputs=inputs_of(args))
    registry = registry_of(args)
    data = load_data(args.data, args.calibration)
    return finish(source_of(args), data, args.data, args, registry)


def finish(source: object, data: Data, origin: str, args: argparse.Namespace, registry: Registry) -> int:
    """Run a model on data that was read from ``origin``, report, and write what was asked for."""
    with progress() as bar:
        recipe = recipe_of(args, registry, args.simulator)
        result = api.run(source, data, recipe=recipe, samples=args.samples, registry=registry, progress=bar)
    deliver(result, origin, args.json, args.output)
    return 0


def deliver(result: Result, origin: str, json: str | None, output: str | None) -> None:
    """Show the report, or print it as JSON, and write the files that were asked for."""
    answer(result.report(), report.blocks(result, origin), json)
    if output:
        api.save(result.graph, output)
