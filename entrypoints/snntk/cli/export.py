"""What ``snntk simulate`` does with a simulator that runs nothing here: it writes the network, and shows the files."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from snntk.cli.blocks import Block, Column, Facts, Heading, Table, counted, numbers
from snntk.cli.options import inputs_of
from snntk.cli.output import answer, check_target
from snntk.exporting import exported
from snntk_core.errors import OptionError
from snntk_core.graph import Graph
from snntk_core.registry import Registry
from snntk_core.simulator import Simulator


def write(graph: Graph, simulator: Simulator, args: argparse.Namespace, registry: Registry) -> int:
    """Write the network to the output and show what was written.

    Raises `OptionError` for data, which nothing would run on, and without an output.
    """
    if args.data or args.samples:
        why = "writes networks for elsewhere and runs nothing, so there is no accuracy to report"
        raise OptionError([f"The simulator {simulator.name} {why}. Leave out --data and --samples."])
    if not args.output:
        raise OptionError([f"The simulator {simulator.name} writes files. Say where: -o PATH."])
    inputs, output = inputs_of(args), Path(args.output).expanduser()
    check_target(args.json, inputs=inputs)
    if args.steps is not None:
        graph = replace(graph, meta={**graph.meta, "steps": str(args.steps)})

    def check(paths: Iterable[Path]) -> None:
        check_target(args.json, *paths, inputs=inputs)

    artifact = exported(graph, output, simulator, registry, check)
    facts = {
        "network": args.network,
        "simulator": simulator.name,
        "nodes": len(graph),
        "folder": artifact.directory,
        "files": [
            {"name": name, "bytes": (artifact.directory / name).stat().st_size, "sha256": digest}
            for name, digest in artifact.files.items()
        ],
    }
    answer(facts, _blocks(facts), args.json)
    return 0


def _blocks(facts: dict[str, Any]) -> Iterator[Block]:
    yield Heading(f"{Path(facts['network']).name}, written by {facts['simulator']}")
    yield Facts([("network", counted(facts["nodes"], "node")), ("folder", str(facts["folder"]))])
    rows = [(file["name"], f"{file['bytes']:,}", file["sha256"]) for file in facts["files"]]
    yield Table("", [Column("file"), *numbers("bytes"), Column("sha256", tone="quiet")], rows)
