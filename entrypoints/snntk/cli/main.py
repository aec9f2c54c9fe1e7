"""The command ``snntk``: finds the command that is meant, runs it, and turns every failure into one sentence."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from snntk import __version__
from snntk.cli.blocks import printable
from snntk_core.errors import SnntkError, did_you_mean, listed

COMMANDS = {
    "run": ("run", "convert a model, simulate it on data, and report how close it stayed"),
    "convert": ("convert", "convert a model and save the spiking network"),
    "simulate": ("simulate", "simulate a saved spiking network on data"),
    "inspect": ("inspect", "show a model or saved network, node by node"),
    "check": ("check", "say what keeps a model from running on a simulator"),
    "demo": ("demo", "run the whole line on handwritten digits that come with snntk"),
    "selftest": ("selftest", "check that plugins keep the contracts"),
    "new-plugin": ("new_plugin", "write a new plugin that works as it is"),
}
LIST_PLUGINS = "--list-plugins"
INTERRUPTED = 130


class UsageError(SnntkError):
    """A command line that cannot be understood."""

    exit_code = 2


class Arguments(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence, as `argparse` says to do it."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        raise UsageError(f"{message[:1].upper()}{message[1:].rstrip('.')}. See: {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 failed, 2 wrong usage, 3 incompatible, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = _dispatched(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: --help and --version
        return int(stop.code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"snntk: {printable(_sentence(error))}", file=sys.stderr)
        return error.exit_code if isinstance(error, SnntkError) else 1


def _sentence(error: Exception) -> str:
    if isinstance(error, SnntkError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    if isinstance(error, MemoryError):
        return "There is not enough memory. Use fewer samples (--samples), or a smaller network."
    what = f"{type(error).__name__}: {error}".rstrip(": .")
    return f"This is a defect, of snntk or of a plugin: {what}. Run it again with --debug and report what it prints."


def _dispatched(arguments: list[str]) -> int:
    place = next((i for i, argument in enumerate(arguments) if not argument.startswith("-")), len(arguments))
    if LIST_PLUGINS in arguments[:place]:
        arguments.remove(LIST_PLUGINS)
        return _run("list_plugins", f"snntk {LIST_PLUGINS}", arguments)
    if place == len(arguments):
        _top().parse_args(arguments)
        _top().print_help()
        return 2
    _top().parse_args(arguments[:place])
    name, rest = arguments[place], arguments[place + 1 :]
    if name not in COMMANDS:
        near = did_you_mean(name, [*COMMANDS, LIST_PLUGINS])
        raise UsageError(f"There is no command {name!r}.{near} Known: {listed(COMMANDS)}.")
    return _run(COMMANDS[name][0], f"snntk {name}", rest)


def _run(module: str, program: str, arguments: list[str]) -> int:
    """Run one command's module, the only one that is imported."""
    command = import_module(f"snntk.cli.{module}")
    parser = Arguments(
        prog=program,
        description=command.__doc__,
        epilog=f"example:\n  {command.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.configure(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return int(command.execute(parser.parse_args(arguments)))


def _top() -> Arguments:
    width = max(map(len, COMMANDS))
    lines = "".join(f"\n  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
    parser = Arguments(
        prog="snntk",
        usage="snntk [--list-plugins [--json]] [--version] [--debug] COMMAND ...",
        description="Turn a trained network into a spiking network, run it, and say honestly how close it stayed.",
        epilog=f"commands:{lines}\n\nexample:\n  snntk demo\n\nEach command explains itself: snntk COMMAND --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(LIST_PLUGINS, action="store_true", help="list the plugins (with --json: as JSON)")
    parser.add_argument("--version", action="version", version=f"snntk {__version__}", help="show the version")
    parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return parser
