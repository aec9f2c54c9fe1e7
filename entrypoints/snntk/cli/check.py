"""Say everything that keeps a model from running on a simulator, and what to do; exit code 3 when there is any."""

from __future__ import annotations

import argparse

from snntk import api
from snntk.cli.blocks import Column, Paragraph, Table
from snntk.cli.options import add_model, add_plugin_files, add_recipe, parser_of, recipe_of, registry_of, source_of
from snntk.cli.output import print_json
from snntk.cli.render import show
from snntk_core.errors import Incompatible
from snntk_core.plan import DEFAULT_SIMULATOR

EXAMPLE = "snntk check model.onnx --for numpy"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_model(parser)
    parser.add_argument(
        "--for", metavar="SIMULATOR", default=DEFAULT_SIMULATOR, dest="simulator", help="the simulator (default: numpy)"
    )
    add_recipe(parser)
    add_plugin_files(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(args: argparse.Namespace) -> int:
    """Show the issues."""
    registry = registry_of(args)
    recipe = recipe_of(args, registry)
    parser = parser_of(args, registry)
    issues = api.check(source_of(args), args.simulator, recipe, parser=parser, registry=registry)
    if args.json:
        print_json([vars(issue) for issue in issues])
    elif issues:
        rows = [(issue.node, issue.problem, issue.remedy) for issue in issues]
        title = f"{args.simulator} cannot take this network: {len(issues)} issue{'s' * (len(issues) > 1)}"
        show([Table(title, [Column("node"), Column("problem"), Column("what to do")], rows)])
    else:
        show([Paragraph(f"{args.simulator} can take this network.", "good")])
    return Incompatible.exit_code if issues else 0
