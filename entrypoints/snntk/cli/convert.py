"""Convert a model with calibration samples and save the spiking network in one self-contained file."""

from __future__ import annotations

import argparse
from pathlib import Path

from snntk import api
from snntk.cli import report
from snntk.cli.blocks import Paragraph, counted
from snntk.cli.options import (
    add_json,
    add_model,
    add_plugin_files,
    add_recipe,
    inputs_of,
    recipe_of,
    registry_of,
    source_of,
)
from snntk.cli.output import answer, check_target
from snntk.cli.render import progress
from snntk.conversion import Conversion
from snntk.given import SAVED
from snntk_core.data import load_samples

EXAMPLE = "snntk convert model.onnx --calibration train.npz -o model.snntk"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_model(parser)
    parser.add_argument("--calibration", metavar="FILE", help="training samples: .npz with x, or .npy")
    add_recipe(parser)
    add_plugin_files(parser)
    add_json(parser, "print the steps as JSON instead of the table, or write them to a .json file")
    parser.add_argument("-o", "--output", metavar="FILE.snntk", help="where to save it (default: MODEL.snntk, here)")


def execute(args: argparse.Namespace) -> int:
    """Convert, save, and show what each step did."""
    output = Path(args.output or Path(args.model[-1]).with_suffix(SAVED).name).expanduser()
    check_target(args.json, output, inputs=inputs_of(args))
    registry = registry_of(args)
    samples = load_samples(args.calibration) if args.calibration else None
    conversion = Conversion.of(recipe_of(args, registry), samples, registry)
    with progress() as bar:
        graph = conversion.convert(conversion.graph_of(source_of(args)), bar)
    api.save(graph, output)
    records = conversion.line.ledger
    facts = {"output": output, "nodes": len(graph), "ledger": [vars(record) for record in records]}
    saved = f"Saved {output}: {counted(len(graph), 'node')}, {output.stat().st_size / 1000:,.0f} kB."
    answer(facts, [*report.ledger(records), Paragraph(saved)], args.json)
    return 0
