"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from snntk.cli.output import STANDARD_OUTPUT
from snntk.given import DEFAULT_RECIPE, as_recipe, is_saved, parser_of_recipe
from snntk_core.component import Component
from snntk_core.data import data_files
from snntk_core.errors import OptionError, PluginError, did_you_mean, listed
from snntk_core.parser import Parser
from snntk_core.recipe import Recipe, Step
from snntk_core.registry import Registry

C = TypeVar("C", bound=Component)
MODEL_CLASS = "torch.model_class"
"""The option that ``--model-class`` sets."""
TRUST = "trust"
"""The option that ``--trust`` sets, of whichever parser reads the model."""
ENCODINGS = ("current", "regular", "poisson")
"""What ``--encoding`` takes: of the transform encode-input."""


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the model's files and how they are read."""
    parser.add_argument("model", nargs="+", metavar="MODEL", help="the model file, or the files it consists of")
    parser.add_argument("--parser", metavar="NAME", help="the parser to use, where several can read the model")
    parser.add_argument(
        "--model-class",
        metavar="MODULE:CLASS",
        help="the class of a PyTorch state dict, as package.module:Class; it is imported, so its code is run",
    )
    parser.add_argument(
        "--trust", action="store_true", help="run the code that is part of the model, such as a Lasagne script"
    )


def add_recipe(parser: argparse.ArgumentParser, *, steps: bool = True) -> None:
    """Add the recipe and its settings; without ``steps`` where nothing is simulated or converted."""
    help = "preset or TOML file (default: rate)" if steps else "preset or TOML file, of which only [parser] counts here"
    parser.add_argument("--recipe", metavar="NAME|FILE", default=DEFAULT_RECIPE, help=help)
    if steps:
        parser.add_argument("--steps", metavar="N", type=count, help="how many steps (default: the recipe's, or 32)")
        parser.add_argument(
            "--encoding",
            choices=ENCODINGS,
            help="how the input enters: as a current or as spike trains (default: the recipe's, or current)",
        )
    else:
        parser.set_defaults(steps=None)
    add_settings(parser, "one of the recipe's components, or of the parser" if steps else "the parser")


def add_settings(parser: argparse.ArgumentParser, whose: str) -> None:
    """Add settings of components."""
    parser.add_argument(
        "--set",
        metavar="COMPONENT.OPTION=VALUE",
        action="append",
        default=[],
        dest="settings",
        help=f"set an option of {whose}; may be given several times",
    )


def add_plugin_files(parser: argparse.ArgumentParser) -> None:
    """Add plugins written in single files."""
    parser.add_argument(
        "--plugin",
        metavar="FILE",
        action="append",
        default=[],
        dest="plugin_files",
        help="also load this Python file as a plugin; it is executed",
    )


def add_simulator(parser: argparse.ArgumentParser, help: str, default: str | None = None) -> None:
    """Add the simulator."""
    parser.add_argument("--simulator", "--for", metavar="NAME", dest="simulator", default=default, help=help)


def add_json(parser: argparse.ArgumentParser, help: str = "print JSON instead, or write it to a .json file") -> None:
    """Add JSON: alone it is printed instead of the text, with a file it is written beside the text."""
    parser.add_argument("--json", metavar="FILE", nargs="?", const=STANDARD_OUTPUT, type=json_file, help=help)


def json_file(text: str) -> str:
    """Return the name of a .json file, or ``-``, for argparse: the word after --json may be a model."""
    if text != STANDARD_OUTPUT and Path(text).suffix.lower() != ".json":
        raise argparse.ArgumentTypeError(f"takes the name of a .json file, got {text!r}; alone, write it last")
    return text


def inputs_of(args: argparse.Namespace) -> list[Path]:
    """Return the files that a command reads; what it writes is none of them."""
    given = vars(args)
    paths = [*given.get("model", ()), *given["plugin_files"], given.get("network")]
    paths += [given["recipe"]] if str(given.get("recipe")).endswith(".toml") else []
    paths += [file for key in ("data", "calibration") if given.get(key) for file in data_files(given[key])]
    return [Path(path).expanduser() for path in paths if path]


def add_top_k(parser: argparse.ArgumentParser) -> None:
    """Add how many of the largest outputs may hold the label."""
    parser.add_argument(
        "--top-k",
        metavar="K",
        type=count,
        help="a decision is right when the label is among the K largest (default: 1)",
    )


def count(text: str) -> int:
    """Return a whole number of at least 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number of at least 1, got {text!r}")
    return int(text)


def registry_of(args: argparse.Namespace, *, strict: bool = True) -> Registry:
    """Return the installed plugins and the plugin files; with ``strict``, a broken file raises `PluginError`."""
    registry = Registry.discover()
    for path in args.plugin_files:
        info = registry.register_file(path)
        if strict and info.error:
            raise PluginError(f"The plugin file {path} cannot be used: {info.error}.")
    return registry


def recipe_of(args: argparse.Namespace, registry: Registry, simulator: str | None = None) -> Recipe:
    """Return the recipe with the steps, the simulator and the settings of the command line.

    Raises `OptionError` for a setting that is not ``COMPONENT.OPTION=VALUE``.
    """
    recipe = as_recipe(args.recipe or DEFAULT_RECIPE, registry, steps=args.steps, simulator=simulator)
    if getattr(args, "encoding", None):
        recipe = recipe.with_option("input.encoding", args.encoding)
    if getattr(args, "top_k", None):
        recipe = replace(recipe, top_k=args.top_k)
    if args.parser and (recipe.parser is None or recipe.parser.name != args.parser):
        recipe = replace(recipe, parser=Step(args.parser))
    given = [*settings(args.settings), *([(MODEL_CLASS, args.model_class)] if args.model_class else [])]
    given += [(_trusted(args, recipe, registry), True)] if args.trust else []
    before = recipe.parser
    for path, value in given:
        recipe = _with_setting(recipe, path, value, registry)
    if before is None and recipe.parser is not None:
        _check_meant(recipe.parser.name, args, registry)
    return recipe


def _check_meant(name: str, args: argparse.Namespace, registry: Registry) -> None:
    """Raise `OptionError` where an option of a parser is set that does not read the model."""
    if not registry.parsers[name]().accepts(source_of(args)):
        what = f"An option of the parser {name} is set, which does not read {' '.join(args.model)}."
        raise OptionError([f"{what} Leave it out, or say --parser {name}."])


def _with_setting(recipe: Recipe, path: str, value: object, registry: Registry) -> Recipe:
    """Return the recipe with one setting; where a parser and a simulator have one name, of the one with that option."""
    name, _, key = path.rpartition(".")
    reads, runs = (
        name in catalog and key.replace("-", "_") in {option.name for option in catalog[name].options()}
        for catalog in (registry.parsers, registry.simulators)
    )
    apart = {"simulator": recipe.simulator} if reads > runs else {"parser": recipe.parser} if runs > reads else {}
    for part, catalog in (("parser", registry.parsers), ("simulator", registry.simulators)):
        if part in apart:
            recipe = replace(recipe, **{part: None})
        elif getattr(recipe, part) is None and name in catalog:
            recipe = replace(recipe, **{part: Step(name)})
    return replace(recipe.with_option(path, value), **apart)


def _trusted(args: argparse.Namespace, recipe: Recipe, registry: Registry) -> str:
    """Return the option that lets the model's code run.  Raises `OptionError` where the parser runs none."""
    parser = registry.parsers[recipe.parser.name] if recipe.parser else registry.parser_for(source_of(args))
    if TRUST not in [option.name for option in parser.options()]:
        raise OptionError([f"The parser {parser.name} runs nothing that is part of a model; leave out --{TRUST}."])
    return f"{parser.name}.{TRUST}"


def refuse_reading_options(args: argparse.Namespace, source: object) -> None:
    """Raise `OptionError` for an option that says how to read a model where ``source`` is a saved network."""
    given = [f"--{name.replace('_', '-')}" for name in ("parser", "model_class", "trust") if vars(args).get(name)]
    if given and is_saved(source):
        raise OptionError([f"{source} is a saved network, which no parser reads; leave out {listed(given)}."])


def parser_of(args: argparse.Namespace, registry: Registry) -> Parser | None:
    """Return the parser that is meant, with its options set; None means that the source decides."""
    refuse_reading_options(args, source_of(args))
    if args.recipe in (None, DEFAULT_RECIPE) and not (args.parser or args.settings or args.model_class or args.trust):
        return None
    return parser_of_recipe(recipe_of(args, registry), registry)


def configured(kinds: Sequence[type[C]], texts: Iterable[str], also: Iterable[str] = ()) -> list[C]:
    """Return components with the options that ``--set`` gives them; one that several have is given to each.

    ``also``: names of other components, which may have been meant.  Raises `OptionError` for a setting of another
    component, or one that none of them has.
    """
    options: list[dict[str, object]] = [{} for _ in kinds]
    for path, value in settings(texts):
        name, _, key = path.rpartition(".")
        named = [index for index, kind in enumerate(kinds) if kind.name == name]
        if not named:
            known = {kind.name for kind in kinds}
            hint = did_you_mean(name, {*known, *also})
            raise OptionError([f"--set takes COMPONENT.OPTION=VALUE, and the components are {listed(known)}.{hint}"])
        having = [i for i in named if key.replace("-", "_") in {option.name for option in kinds[i].options()}]
        for index in having or named:
            options[index][key] = value
    return [kind.configure(given) for kind, given in zip(kinds, options, strict=True)]


def settings(texts: Iterable[str]) -> Iterable[tuple[str, object]]:
    """Yield the path and value of each ``COMPONENT.OPTION=VALUE``; values are TOML, or else plain text."""
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or "." not in path:
            raise OptionError([f"--set takes COMPONENT.OPTION=VALUE, got {text!r}."])
        yield path.strip(), _value(value.strip())


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def source_of(args: argparse.Namespace) -> object:
    """Return the model's path, or its paths."""
    paths = tuple(Path(path).expanduser() for path in args.model)
    return paths[0] if len(paths) == 1 else paths
