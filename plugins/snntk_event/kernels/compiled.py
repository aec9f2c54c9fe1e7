"""How loops are compiled: once per machine, kept on disk in a folder named after the sources of all of them.

numba asks only the file that holds a function whether it changed, not those of the functions that it calls, so after an
upgrade it would run what it compiled before.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import Any

from numba import config, njit

HERE = Path(__file__).parent
SOURCES = zlib.crc32(b"".join(path.read_bytes() for path in sorted(HERE.glob("*.py"))))
LOCK = Lock()


def compiled(function: Callable[..., Any]) -> Any:
    """Return ``function`` as a compiled loop that runs without the interpreter's lock.

    It is kept in the `folder`; where nothing can be written it is compiled again in every process.
    """
    place = folder()
    if place is None:
        return njit(nogil=True, error_model="numpy")(function)
    with LOCK:
        before = config.CACHE_DIR
        config.CACHE_DIR = str(place)
        try:
            return njit(nogil=True, cache=True, error_model="numpy")(function)
        except RuntimeError:
            return njit(nogil=True, error_model="numpy")(function)
        finally:
            config.CACHE_DIR = before


@cache
def folder() -> Path | None:
    """Return where loops are kept: below ``NUMBA_CACHE_DIR``, else beside this file, else in the user's own cache.

    None where no file can be made in any of these.
    """
    told = config.CACHE_DIR
    for place in [Path(told)] if told else [HERE / "__pycache__", *_of_user()]:
        kept = place / f"loops-{SOURCES:08x}"
        try:
            kept.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=kept):
                return kept
        except OSError:
            continue
    return None


def _of_user() -> list[Path]:
    """Return the folder of caches that the system gives this user; none where there is no home."""
    try:
        home = Path(os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return []
    return [home / "snntk"]
