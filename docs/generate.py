"""Write the generated pages of docs/reference from the code: ``python docs/generate.py``."""

from __future__ import annotations

import argparse
import importlib
import inspect
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from snntk.cli.main import COMMANDS
from snntk_core import LinearOp, NeuronOp, hookspecs, ops, recipe
from snntk_core.capability import Issue
from snntk_core.component import Component
from snntk_core.ops import Op
from snntk_core.parser import Parser
from snntk_core.plan import DEFAULT_DURATION, DEFAULT_SAMPLES
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.registry import KINDS, Registry
from snntk_core.simulator import Simulator
from snntk_core.testing.support_matrix import spiking_targets, support_matrix
from snntk_core.transform import Transform

ROOT = Path(__file__).parents[1]
NOTE = "<!-- written by docs/generate.py; do not edit -->"

KIND_TITLES = {"parser": "Parsers", "transform": "Transforms", "quantizer": "Quantizers", "simulator": "Simulators"}


def shipped() -> Registry:
    """Return a registry of the plugins that pyproject.toml lists, and of no others."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    registry = Registry()
    for name, module in sorted(project["project"]["entry-points"]["snntk"].items()):
        info = registry.register(importlib.import_module(module), name)
        if info.error:
            raise SystemExit(f"The plugin {name} is broken: {info.error}")
    return registry


def pages() -> dict[str, str]:
    """Return the generated pages by file name."""
    registry = shipped()
    written = {
        "hooks.md": _hooks(),
        "recipe.md": _recipe(registry),
        "command.md": _command(),
        "components.md": _components(registry),
        "ops.md": _ops(registry),
        "support.md": _support(registry),
        "checks.md": _checks(),
    }
    return {name: "\n\n".join(part.rstrip() for part in parts) + "\n" for name, parts in written.items()}


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _hooks() -> Iterator[str]:
    yield "# Hooks"
    yield NOTE
    yield (
        "What a plugin can add. A plugin is a module with functions of these names, marked with "
        "`snntk_core.hookimpl`, and one line in the entry points of the group `snntk`."
    )
    for name, hook in vars(hookspecs).items():
        if name.startswith("snntk_"):
            yield f"## {name}{spelled(hook)}"
            yield inspect.getdoc(hook) or ""


def spelled(hook: Callable[..., Any]) -> str:
    """Return a hook's signature as it is written, without the quotes that postponed annotations get."""
    return str(inspect.signature(hook)).replace("'", "")


def _recipe(registry: Registry) -> Iterator[str]:
    yield "# Recipes"
    yield NOTE
    yield "A recipe is a TOML file. Unknown keys are errors; every mistake is reported at once."
    yield _keys("recipe", recipe.TOP)
    yield "## `[simulate]`"
    yield _keys("simulate", recipe.SIMULATE)
    yield "## `[report]`"
    yield _keys("report", recipe.REPORT)
    for name, path in registry.recipes.items():
        yield f"## The preset `{name}`"
        yield f"```toml\n{path.read_text(encoding='utf-8').rstrip()}\n```"


def _keys(table: str, known: Iterable[str]) -> str:
    told = tomllib.loads((ROOT / "docs" / "recipe_keys.toml").read_text(encoding="utf-8"))[table]
    defaults = {"duration": DEFAULT_DURATION, "samples": DEFAULT_SAMPLES}
    return _table(("key", "what it says"), [(f"`{key}`", told[key].format(**defaults)) for key in sorted(known)])


def _command() -> Iterator[str]:
    yield "# The command"
    yield NOTE
    yield "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 incompatible. `--debug` shows the traceback of a failure."
    for name, (module, _) in {"--list-plugins": ("list_plugins", ""), **COMMANDS}.items():
        command = importlib.import_module(f"snntk.cli.{module}")
        parser = argparse.ArgumentParser(add_help=False)
        command.configure(parser)
        yield f"## snntk {name}"
        yield inspect.getdoc(command) or ""
        yield f"```console\n$ {command.EXAMPLE}\n```"
        rows = [(_spelled(action), action.help or "") for action in parser._actions]
        if rows:
            yield _table(("argument", "what it does"), rows)


def _spelled(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else str(action.metavar or "|".join(map(str, action.choices or ())))
    value = f"[{value}]" if action.nargs == "?" else value
    return f"`{' '.join(part for part in (', '.join(action.option_strings), value) if part)}`"


def _components(registry: Registry) -> Iterator[str]:
    yield "# Components"
    yield NOTE
    yield (
        "What the plugins that ship with snntk offer. Fields are options: they are keys in a recipe, and the command "
        "sets them with `--set NAME.OPTION=VALUE`."
    )
    for kind, _, _ in KINDS:
        items = list(getattr(registry, f"{kind}s").items())
        if items:
            yield f"## {KIND_TITLES[kind]}"
        for name, component in items:
            yield f"### {name}"
            yield inspect.getdoc(component) or ""
            yield from _facts(component)


def _facts(component: type[Component]) -> Iterator[str]:
    if issubclass(component, Transform):
        needs = ", needs calibration samples" if component.needs_calibration else ""
        yield f"Stage: {component.stage.name.lower()}. Preserves: {component.preserves}{needs}."
    if issubclass(component, Parser) and component.reads:
        yield f"Reads: {component.reads}."
    if issubclass(component, WeightQuantizer | ActivationQuantizer):
        samples = " Needs calibration samples." if component.needs_calibration else ""
        yield f"Quantizes: {'weights' if issubclass(component, WeightQuantizer) else 'activations'}.{samples}"
    if component.requires:
        yield f"Needs: {', '.join(component.requires)} (`{component.install}`)."
    options = component.options()
    if options:
        rows = [(f"`{o.name}`", f"`{o.type}`", f"`{o.default!r}`", o.help) for o in options]
        yield _table(("option", "type", "default", "what it does"), rows)


def _ops(registry: Registry) -> Iterator[str]:
    simulators: list[tuple[str, type[Simulator]]] = list(registry.simulators.items())
    yield "# Ops"
    yield NOTE
    yield (
        "The vocabulary of graphs: what each op means, where it may stand, and which simulators run it. Data is "
        "channels-last, weights are (in, out) and (kernel..., in, out)."
    )
    titles = ("op", "what it means", "networks", *(name for name, _ in simulators))
    yield _table(titles, [_op_row(op, simulators) for op in _vocabulary()])


def _vocabulary() -> list[type[Op]]:
    named: list[Any] = [getattr(ops, name) for name in ops.__all__]
    found = [op for op in named if isinstance(op, type) and issubclass(op, Op) and not inspect.isabstract(op)]
    return [op for op in found if op is not ops.ActivationOp]


def _op_row(op: type[Op], simulators: Sequence[tuple[str, type[Simulator]]]) -> tuple[str, ...]:
    meaning = (inspect.getdoc(op) or "").split("\n\n")[0]
    runs = ("yes" if op in simulator.capabilities.ops else "" for _, simulator in simulators)
    return (f"`{op.__name__}`", meaning, _networks(op), *runs)


def _networks(op: type[Op]) -> str:
    if issubclass(op, LinearOp):
        return "both"
    return "spiking" if issubclass(op, NeuronOp) else "analog"


def _support(registry: Registry) -> Iterator[str]:
    simulators = [simulator for _, simulator in registry.simulators.items()]
    names = [simulator.name for simulator in spiking_targets(simulators)]
    tables = support_matrix(simulators)
    yield "# Support"
    yield NOTE
    yield (
        "What each simulator of spiking networks takes, asked of its capabilities with the smallest network that has a "
        "feature. *zero*: with neurons that reset to zero. What is not taken is refused by the name of the node, with "
        "what to do, before anything is built; the sentences are below. `snntk check MODEL --for NAME` asks about a "
        "model of yours. Simulators of quantized networks are on the page [Ops](ops.md)."
    )
    for title, rows in tables.items():
        yield f"## {title}"
        cells = ((row.feature, *(row.support[name].taken.replace("no", "-") for name in names)) for row in rows)
        yield _table(("feature", *names), cells)
    for simulator in spiking_targets(simulators):
        yield f"## What {simulator.name} refuses"
        said = [inspect.getdoc(rule) or "" for rule in simulator.capabilities.rules]
        yield "\n".join(f"- {sentence}" for sentence in said)
        refused = [(row.feature, row.support[simulator.name].issues) for rows in tables.values() for row in rows]
        yield _table(("feature", "why, and what to do"), [(f, _reasons(issues)) for f, issues in refused if issues])


def _reasons(issues: Sequence[Issue]) -> str:
    return " ".join(dict.fromkeys(f"{issue.problem} {issue.remedy}" for issue in issues))


def _checks() -> Iterator[str]:
    yield "# Checks"
    yield NOTE
    yield (
        "What `snntk selftest` and `snntk_core.testing.compliance` check of a component. A check that cannot be made "
        "is skipped with its reason; a known failure is listed with a reason, and turns red when it starts to pass."
    )
    modules = {"Every component": "component", **{v: k for k, v in KIND_TITLES.items()}}
    for title, module in {**modules, "Simulators that take quantized networks": "quantized_target"}.items():
        checks = vars(importlib.import_module(f"snntk_core.testing.{module}")).items()
        yield f"## {title}"
        rows = [(f"`{name}`", inspect.getdoc(check) or "") for name, check in checks if name.startswith("check_")]
        yield _table(("check", "what it claims"), rows)


def main() -> None:
    """Write every page."""
    folder = ROOT / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
