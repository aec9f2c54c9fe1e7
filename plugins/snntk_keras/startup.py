"""Importing a library that starts TensorFlow, without the lines that TensorFlow then prints of itself."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from types import ModuleType

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""TensorFlow's own variable for how much it prints; whoever has set it decides."""
STARTING = re.compile(rb"^(WARNING: All log messages before absl::InitializeLog\(\) .*|I\d{4} .*)\n", re.MULTILINE)
STANDARD_ERROR = 2


def imported(name: str) -> ModuleType:
    """Return the library ``name``.

    TensorFlow prints what it found on this machine before anything can tell it not to: its variable works later.  So
    what comes during the import is held back, and all but these lines is printed after it.
    """
    if LEVEL in os.environ or "tensorflow" in sys.modules:
        return importlib.import_module(name)
    os.environ[LEVEL] = "3"
    with _held_back():
        return importlib.import_module(name)


@contextmanager
def _held_back() -> Iterator[None]:
    """Hold back what is written to standard error, by C too, and write it after, without the lines of a start."""
    try:
        kept = os.dup(STANDARD_ERROR)
    except OSError:  # closed by who started the program
        yield
        return
    with TemporaryFile() as held:
        _flush()
        os.dup2(held.fileno(), STANDARD_ERROR)
        try:
            yield
        finally:
            _flush()
            os.dup2(kept, STANDARD_ERROR)
            os.close(kept)
            held.seek(0)
            os.write(STANDARD_ERROR, STARTING.sub(b"", held.read()))


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
