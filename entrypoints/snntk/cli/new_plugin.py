"""Write a new plugin: four files that install, are listed and pass their selftest as they are.  Then change them."""

from __future__ import annotations

import argparse
import re
from importlib.resources import files
from pathlib import Path
from string import Template

import snntk_core
from snntk.cli.blocks import Column, Heading, Table
from snntk.cli.options import add_plugin_files, registry_of
from snntk.cli.output import replacing
from snntk.cli.render import show
from snntk_core.errors import OptionError, SnntkError
from snntk_core.registry import Registry

EXAMPLE = "snntk new-plugin parser my-format --directory my-format-plugin"
KINDS = ("parser", "transform", "quantizer", "simulator")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("kind", choices=KINDS, help="what it offers")
    parser.add_argument("name", metavar="NAME", help="what it is called: lower case, words joined by hyphens")
    parser.add_argument("--directory", metavar="D", help="the folder to write into (default: snntk-NAME)")
    add_plugin_files(parser)


def execute(args: argparse.Namespace) -> int:
    """Write the files and say what comes next."""
    check_name(args.kind, args.name, registry_of(args))
    folder = Path(args.directory or f"snntk-{args.name}").expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SnntkError(f"{folder} is there already and is not an empty folder. Say another with --directory.")
    written = plugin_files(args.kind, args.name)
    for name, text in written.items():
        with replacing(folder / name) as file:
            file.write(text.encode())
    steps = [("install it", f"pip install -e {folder}"), ("see it", "snntk --list-plugins")]
    steps += [("prove it", f"snntk selftest {args.name}"), ("change it", str(folder / f"{_module(args.name)}.py"))]
    table = Table("", [Column("to"), Column("run or edit")], steps)
    show([Heading(f"Wrote {len(written)} files into {folder}"), table])
    return 0


def check_name(kind: str, name: str, registry: Registry) -> None:
    """Raise `OptionError` for a name of the wrong form, `SnntkError` for one that is taken."""
    if not NAME.fullmatch(name):
        raise OptionError([f"A plugin's name is lower case, words joined by hyphens, such as my-format; got {name!r}."])
    if name in {info.name for info in registry.plugins}:
        raise SnntkError(f"There is a plugin called {name} already. Choose another name.")
    if getattr(registry, f"{kind}s").owners(name):
        raise SnntkError(f"There is a {kind} called {name} already. Choose another name.")


def plugin_files(kind: str, name: str) -> dict[str, str]:
    """Return the files of a new plugin by name."""
    module = _module(name)
    words = {"kind": kind, "name": name, "module": module, "distribution": f"snntk-{name}"}
    words["class_name"] = _class_name(kind, name)
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{module}.py": f"{kind}.py",
        f"test_{module}.py": "test.py",
    }
    return {target: Template(_template(source)).substitute(words) for target, source in templates.items()}


def _template(name: str) -> str:
    return (files("snntk.cli") / "templates" / f"{name}.template").read_text(encoding="utf-8")


def _module(name: str) -> str:
    return f"snntk_{name.replace('-', '_')}"


def _class_name(kind: str, name: str) -> str:
    camel = "".join(word.capitalize() for word in (*name.split("-"), kind))
    return f"New{camel}" if camel in snntk_core.__all__ else camel
