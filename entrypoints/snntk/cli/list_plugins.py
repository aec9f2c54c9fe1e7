"""List the plugins: what each offers, the options it takes, what it lacks, and why a broken one is broken."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snntk.cli.blocks import Block, Column, Heading, Paragraph, Table, counted
from snntk.cli.offers import described
from snntk.cli.options import add_json, add_plugin_files, inputs_of, registry_of
from snntk.cli.output import answer, check_target

EXAMPLE = "snntk --list-plugins --json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_json(parser)
    add_plugin_files(parser)


def execute(args: argparse.Namespace) -> int:
    """List them; broken plugins are no failure of the command."""
    check_target(args.json, inputs=inputs_of(args))
    registry = registry_of(args, strict=False)
    entries = [described(registry, info) for info in registry.plugins]
    details = {info.name: info.details if args.debug else "" for info in registry.plugins}
    shown = (block for entry in entries for block in _blocks(entry, details[entry["name"]]))
    answer(entries, [*shown, _summary(entries)], args.json)
    return 0


def _summary(entries: list[dict[str, Any]]) -> Block:
    broken = sum(entry["error"] is not None for entry in entries)
    components = counted(sum(len(entry["components"]) for entry in entries), "component")
    text = f"{counted(len(entries), 'plugin')}, {components}" + (f", {broken} broken" if broken else "")
    return Paragraph(f"\n{text}", "bad" if broken else "quiet")


def _blocks(entry: dict[str, Any], details: str) -> Iterator[Block]:
    yield Heading("  ".join(part for part in (entry["name"], entry["distribution"], entry["version"]) if part))
    if entry["error"]:
        yield Paragraph(f"broken: {entry['error']}", "bad")
    if details:
        yield Paragraph(details, "quiet")
    rows = [row for component in entry["components"] for row in _rows(component)]
    if rows:
        yield Table("", [Column("kind", tone="quiet"), Column("name"), Column("what it does")], rows)


def _rows(component: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    path = Path(component.get("path", ""))
    summary = component.get("summary", f"{path.name} of {path.parent.name}").replace("`", "")
    quantizes = component.get("quantizes", "")
    yield component["kind"], component["name"], f"{quantizes.capitalize()}: {summary}" if quantizes else summary
    if component.get("missing"):
        yield "", "", f"not usable yet: needs {', '.join(component['missing'])}; run: {component['install']}"
    for option in component.get("options", ()):
        default = "needed" if option["default"] is None and "nothing" not in option["type"] else repr(option["default"])
        yield "", f"  {option['name']}", f"{option['type']}, {default}. {option['help']}".rstrip(". ") + "."
