"""List the plugins: what each offers, the options it takes, what it lacks, and why a broken one is broken."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from snntk.cli.blocks import Block, Column, Heading, Paragraph, Table
from snntk.cli.offers import described
from snntk.cli.options import add_plugin_files, registry_of
from snntk.cli.output import print_json
from snntk.cli.render import show

EXAMPLE = "snntk --list-plugins --json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_plugin_files(parser)


def execute(args: argparse.Namespace) -> int:
    """List them; broken plugins are no failure of the command."""
    registry = registry_of(args, strict=False)
    entries = [described(registry, info) for info in registry.plugins]
    if args.json:
        print_json(entries)
    else:
        details = {info.name: info.details for info in registry.plugins}
        show(block for entry in entries for block in _blocks(entry, details[entry["name"]] if args.debug else ""))
        show([_summary(entries)])
    return 0


def _summary(entries: list[dict[str, Any]]) -> Block:
    broken = sum(entry["error"] is not None for entry in entries)
    count = sum(len(entry["components"]) for entry in entries)
    text = f"{len(entries)} plugins, {count} components" + (f", {broken} broken" if broken else "")
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
    summary = component.get("summary", component.get("path", "")).replace("`", "")
    yield component["kind"], component["name"], summary
    if component.get("missing"):
        yield "", "", f"not usable yet: needs {', '.join(component['missing'])}; run: {component['install']}"
    for option in component.get("options", ()):
        default = "needed" if option["default"] is None and "nothing" not in option["type"] else repr(option["default"])
        yield "", f"  {option['name']}", f"{option['type']}, {default}. {option['help']}".rstrip(". ") + "."
