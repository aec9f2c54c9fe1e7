"""The environment that nengo-loihi needs of its own: made once, kept with pytest's cache."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from snntk_loihi.environment import VARIABLE, has_library, interpreter

PROBLEM = "SNNTK_LOIHI_PROBLEM"
PACKAGES = ("nengo-loihi==1.1.0", "nengo==3.2.0", "numpy<2")
PATIENCE = 600  # seconds
NEWEST = (3, 12)  # for which there is a numpy below 2


def python_of(cache: Path) -> Path:
    """Return the Python of the environment that is made in a cache."""
    return cache / "environment" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def place(cache: Path) -> str:
    """Return the sentence that says where nengo-loihi is, or that its tests were skipped."""
    found = interpreter() or (str(python_of(cache)) if has_library(python_of(cache)) else None)
    if found is None:
        return "nengo-loihi: its environment could not be made, so its tests were skipped and say why"
    return f"nengo-loihi: run in an environment of its own, with {found}"


def provide(cache: Path) -> None:
    """Name an environment with nengo-loihi in SNNTK_LOIHI_PYTHON, made in ``cache`` where there is none.

    Where that fails, SNNTK_LOIHI_PROBLEM says why, and what needs it is skipped.
    """
    if interpreter() or os.environ.get(PROBLEM):
        return
    if sys.version_info[:2] > NEWEST:
        os.environ[PROBLEM] = f"there is no numpy below 2 for Python {sys.version_info[0]}.{sys.version_info[1]}"
        return
    python = python_of(cache)
    with _alone(cache):
        if not has_library(python):
            os.environ[PROBLEM] = _made(cache / "environment", python)
    if has_library(python):
        os.environ.pop(PROBLEM, None)
        os.environ[VARIABLE] = str(python)


def _made(folder: Path, python: Path) -> str:
    """Make the environment, and return what went wrong."""
    for command in ([sys.executable, "-m", "venv", str(folder)], [python, "-m", "pip", "install", "-q", *PACKAGES]):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            return f"its environment could not be made: {said[-1] if said else error}"
    return ""


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Let one process at a time in: the others find the environment made."""
    with (cache / "lock").open("w") as file:
        try:
            import fcntl
        except ImportError:
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
