"""Run the whole line, with no download, on a small network and handwritten digits that come with snntk."""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files

from snntk import api
from snntk.cli.options import add_json, add_plugin_files, count, inputs_of, registry_of
from snntk.cli.output import check_target
from snntk.cli.render import progress
from snntk.cli.run import deliver
from snntk_core.data import load_data
from snntk_core.errors import SnntkError

EXAMPLE = "snntk demo --steps 64"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--steps", metavar="N", type=count, help="how many steps (default: the recipe's, or 32)")
    add_json(parser, "print the report as JSON instead of the tables, or write it to a .json file")
    parser.add_argument("-o", "--output", metavar="FILE.snntk", help="save the spiking network")
    add_plugin_files(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the demo."""
    check_target(args.json, args.output, inputs=inputs_of(args))
    folder = files("snntk") / "demo"
    if not (folder / "digits.onnx").is_file() or not (folder / "digits.npz").is_file():
        raise SnntkError("This installation lacks the demo's files. Install snntk again.")
    registry = registry_of(args)
    with as_file(folder / "digits.onnx") as model, as_file(folder / "digits.npz") as samples, progress() as bar:
        result = api.run(model, load_data(samples), steps=args.steps, registry=registry, progress=bar)
    deliver(result, "handwritten digits", args.json, args.output)
    return 0
