"""Where the Python is that has nengo-loihi: it needs numpy below 2, so it lives in an environment of its own."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

VARIABLE = "SNNTK_LOIHI_PYTHON"
LIBRARY = "nengo_loihi"
FOLDER = "~/.cache/snntk/loihi"
PACKAGES = 'nengo-loihi==1.1.0 nengo==3.2.0 "numpy<2"'
INSTALL = f"python3.11 -m venv {FOLDER} && {FOLDER}/bin/pip install {PACKAGES}"


def default_python() -> Path:
    """Return the Python of the environment that `INSTALL` makes, whether it is there or not."""
    folder = Path(FOLDER).expanduser()
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def interpreter(chosen: str = "") -> str | None:
    """Return the Python that runs the emulator, or None where there is none.

    It is ``chosen``, else what SNNTK_LOIHI_PYTHON names, else this one if it has nengo-loihi, else that of the
    environment at the documented place.
    """
    named = chosen or os.environ.get(VARIABLE, "")
    if named:
        python = Path(named).expanduser()
        return str(python) if has_library(python) else None
    if find_spec(LIBRARY) is not None:
        return sys.executable
    return str(default_python()) if has_library(default_python()) else None


def has_library(python: Path) -> bool:
    """Say whether the environment of a Python holds nengo-loihi, without running anything."""
    home = python.parent.parent
    places = [*home.glob("lib/python3.*/site-packages"), home / "Lib" / "site-packages"]
    return python.is_file() and any((place / LIBRARY).is_dir() for place in places)
