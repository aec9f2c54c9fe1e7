"""Check that plugins keep the contracts: the compliance kit on every component; exit code 1 when a check fails."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from snntk.cli.blocks import Block, Column, Heading, Paragraph, Table
from snntk.cli.offers import Offer, offers
from snntk.cli.options import add_json, add_plugin_files, inputs_of, registry_of
from snntk.cli.output import answer, check_target
from snntk.cli.render import progress
from snntk_core.errors import SnntkError, UnknownName
from snntk_core.plan import resolve
from snntk_core.recipe import load_recipe
from snntk_core.registry import PluginInfo, Registry

if TYPE_CHECKING:
    from snntk_core.testing import Outcome

EXAMPLE = "snntk selftest rate"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="only this plugin, and the components called so (default: everything)"
    )
    add_json(parser)
    add_plugin_files(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the checks and show what came out."""
    check_target(args.json, inputs=inputs_of(args))
    registry = registry_of(args, strict=False)
    chosen = [(info, found) for info in registry.plugins if (found := _chosen(registry, info, args.name)) is not None]
    if not chosen:
        raise UnknownName("plugin or component", args.name or "", _names(registry))
    with progress() as bar:
        found = {}
        for index, (info, selected) in enumerate(chosen):
            bar(f"Checking {info.name}", index, len(chosen))
            found[info.name] = list(_outcomes(registry, info, selected))
    plain = {name: [asdict(outcome) for outcome in outcomes] for name, outcomes in found.items()}
    answer(plain, (block for name, outcomes in found.items() for block in _blocks(name, outcomes)), args.json)
    return int(any(not outcome.passed for outcomes in found.values() for outcome in outcomes))


def _chosen(registry: Registry, info: PluginInfo, name: str | None) -> list[Offer] | None:
    """Return all that a plugin called ``name`` offers, and of others what is called so; None for nothing to check."""
    offered = list(offers(registry, info))
    if name in (None, info.name):
        return offered
    return [offer for offer in offered if offer.name == name] or None


def _names(registry: Registry) -> set[str]:
    """Return the names that can be asked for."""
    found = {info.name for info in registry.plugins}
    return found | {offer.name for info in registry.plugins for offer in offers(registry, info)}


def _outcomes(registry: Registry, info: PluginInfo, selected: list[Offer]) -> Iterator[Outcome]:
    from snntk_core.testing import Outcome

    if info.error:
        yield Outcome(info.name, "check_loads", False, f"{info.error}.")
    for offer in selected:
        yield from _offer_outcomes(registry, offer)


def _offer_outcomes(registry: Registry, offer: Offer) -> Iterator[Outcome]:
    from snntk_core.testing import Outcome, check_component

    label = f"{offer.kind} {offer.name}"
    if offer.component is not None:
        yield from check_component(offer.component)
    else:
        try:
            resolve(load_recipe(offer.path, registry), registry, simulate=False)
        except SnntkError as error:
            yield Outcome(label, "check_recipe_resolves", False, str(error))
        else:
            yield Outcome(label, "check_recipe_resolves", True)


def _blocks(name: str, outcomes: list[Outcome]) -> Iterator[Block]:
    failed = [outcome for outcome in outcomes if not outcome.passed]
    skipped = [outcome for outcome in outcomes if outcome.passed and outcome.skipped]
    passed = len(outcomes) - len(failed) - len(skipped)
    yield Heading(name)
    rows = [(outcome.component, outcome.check, "failed", outcome.message) for outcome in failed]
    rows += [(outcome.component, outcome.check, "skipped", outcome.skipped) for outcome in skipped]
    if rows:
        columns = [Column("component"), Column("check"), Column("result"), Column("why")]
        yield Table("", columns, rows, frozenset(range(len(failed))))
    counts = f"{passed} passed, {len(skipped)} skipped, {len(failed)} failed"
    yield Paragraph(counts, "bad" if failed else "good")
