"""The command ``snntk``: what commands there are, and the first and last thing that happens when it is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "run": ("run", "convert a model, simulate it on data, and report how close it stayed"),
    "convert": ("convert", "convert a model and save the spiking network"),
    "simulate": ("simulate", "simulate a saved spiking network on data"),
    "evaluate": ("evaluate", "evaluate a model as it is on labeled data"),
    "quantize": ("quantize", "quantize weights and activations, and show what every layer lost"),
    "inspect": ("inspect", "show a model or saved network, node by node"),
    "check": ("check", "say what keeps a model from running on a simulator"),
    "demo": ("demo", "run the whole line on handwritten digits that come with snntk"),
    "selftest": ("selftest", "check that plugins keep the contracts"),
    "new-plugin": ("new_plugin", "write a new plugin that works as it is"),
}
LIST_PLUGINS = "--list-plugins"
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 failed, 2 wrong usage, 3 incompatible, 130 interrupted.

    Nothing but Python's own library is imported before an interrupt is caught and closed streams are replaced.
    """
    try:
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by who started the command: >&-
                setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        from snntk.cli.dispatch import answered

        return answered(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        print("snntk: stopped", file=sys.stderr)
        return INTERRUPTED
