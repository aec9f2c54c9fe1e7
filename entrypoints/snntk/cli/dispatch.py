"""Finding the command that is meant, running it, and turning every failure into one sentence."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from snntk import __version__
from snntk.cli.blocks import printable
from snntk.cli.main import COMMANDS, LIST_PLUGINS
from snntk_core.errors import SnntkError, did_you_mean, listed
from snntk_core.failed_import import failed_import


class UsageError(SnntkError):
    """A command line that cannot be understood."""

    exit_code = 2


class Arguments(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence, as `argparse` says to do it."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        end = "" if message.endswith("?") else "."
        raise UsageError(f"{message[:1].upper()}{message[1:].rstrip('.')}{end} See: {self.prog} --help")

    def parsed(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the options; raises `UsageError` for an unknown one before anything else that is wrong."""
        known = self._option_string_actions
        for argument in arguments:
            name = argument.partition("=")[0]
            if name == "--":
                break
            if name.startswith("--") and " " not in name and name not in known:
                self.error(f"there is no option {name}.{did_you_mean(name, known)}")
        return self.parse_args(arguments)


def answered(arguments: list[str]) -> int:
    """Run the command, print what went wrong, and return the exit code."""
    debug, as_before = "--debug" in arguments, warnings.formatwarning
    warnings.formatwarning = _noted
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = _dispatched(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: --help and --version
        return int(stop.code or 0)
    except BrokenPipeError:
        _discard_output()
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"snntk: {printable(_sentence(error))}", file=sys.stderr)
        return error.exit_code if isinstance(error, SnntkError) else 1
    finally:
        warnings.formatwarning = as_before
        _flushed()


def _noted(message: Warning | str, category: type[Warning], filename: str, line: int, text: str | None = None) -> str:
    """Return what is shown of a warning: its words, without the place in the code that gave it."""
    return f"snntk: {printable(str(message))}\n"


def _flushed() -> None:
    """Write what is still to be written; what a full disk does not take is dropped, or Python would complain later."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: Exception) -> str:
    if isinstance(error, SnntkError):
        return str(error)
    if broken := failed_import(error):
        return broken
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
        _top().parsed(arguments)
        _top().print_help()
        return 2
    _top().parsed(arguments[:place])
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
    return int(command.execute(parser.parsed(arguments)))


def _top() -> Arguments:
    width = max(map(len, COMMANDS))
    lines = "".join(f"\n  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
    parser = Arguments(
        prog="snntk",
        usage="snntk [--list-plugins [--json [FILE]]] [--version] [--debug] COMMAND ...",
        description="Turn a trained network into a spiking network, run it, and say honestly how close it stayed.",
        epilog=f"commands:{lines}\n\nexample:\n  snntk demo\n\nEach command explains itself: snntk COMMAND --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(LIST_PLUGINS, action="store_true", help="list the plugins (with --json: as JSON)")
    parser.add_argument("--version", action="version", version=f"snntk {__version__}", help="show the version")
    parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return parser
