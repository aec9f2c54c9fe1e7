"""How loops are compiled: once per machine, kept on disk in a folder named after the sources of all of them.

numba asks only the file that holds a function whether it changed, not those of the functions that it calls, so after an
upgrade it would run what it compiled before.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from numba import config, njit

HERE = Path(__file__).parent
SOURCES = zlib.crc32(b"".join(path.read_bytes() for path in sorted(HERE.glob("*.py"))))
LOCK = Lock()


def compiled(function: Callable[..., Any]) -> Any:
    """Return ``function`` as a compiled loop that runs without the interpreter's lock.

    It is kept below ``NUMBA_CACHE_DIR``, else below ``__pycache__``, else where numba finds a place; where nothing can
    be written it is compiled again in every process.
    """
    with LOCK:
        before = config.CACHE_DIR
        config.CACHE_DIR = str(Path(before or HERE / "__pycache__") / f"loops-{SOURCES:08x}")
        try:
            return njit(nogil=True, cache=True, error_model="numpy")(function)
        except RuntimeError:
            return njit(nogil=True, error_model="numpy")(function)
        finally:
            config.CACHE_DIR = before
