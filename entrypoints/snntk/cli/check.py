"""Say everything that keeps a model from running on a simulator, and what to do; exit code 3 when there is any."""

from __future__ import annotations

import argparse

from snntk.checking import check
from snntk.cli.blocks import Column, Paragraph, Table, counted
from snntk.cli.options import (
    add_json,
    add_model,
    add_plugin_files,
    add_recipe,
    add_simulator,
    inputs_of,
    parser_of,
    recipe_of,
    registry_of,
    source_of,
)
from snntk.cli.output import answer, check_target
from snntk_core.errors import Incompatible
from snntk_core.simulator import preferred

EXAMPLE = "snntk check model.onnx --for numpy"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_model(parser)
    add_simulator(parser, "the simulator (default: event or numpy)")
    add_recipe(parser)
    add_plugin_files(parser)
    add_json(parser)


def execute(args: argparse.Namespace) -> int:
    """Show the issues."""
    check_target(args.json, inputs=inputs_of(args))
    registry = registry_of(args)
    simulator = args.simulator or preferred(registry.simulators)
    recipe = recipe_of(args, registry)
    parser = parser_of(args, registry)
    issues = check(source_of(args), simulator, recipe, parser=parser, registry=registry)
    rows = [(issue.place, issue.problem, issue.remedy) for issue in issues]
    title = f"{simulator} cannot take this network: {counted(len(issues), 'issue')}"
    found = Table(title, [Column("node"), Column("problem"), Column("what to do")], rows)
    fine = Paragraph(f"{simulator} can take this network.", "good")
    answer([vars(issue) for issue in issues], [found if issues else fine], args.json)
    return Incompatible.exit_code if issues else 0
