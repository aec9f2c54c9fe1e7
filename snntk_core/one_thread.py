"""Libraries that belong to the thread that imported them, and end the process when another one enters them."""

from __future__ import annotations

import sys
from threading import Lock, Thread, current_thread, main_thread

from snntk_core.errors import SnntkError

_LOCK = Lock()
_OWNERS: dict[str, Thread] = {}


def keep_to_one_thread(library: str) -> None:
    """Let one thread alone use a library: the first that asks, or the main one if the library is already imported.

    Ask before importing it and before each use.  Raises `SnntkError` in any other thread.
    """
    with _LOCK:
        first = main_thread() if sys.modules.get(library) else current_thread()
        owner = _OWNERS.setdefault(library, first)
    if current_thread() is not owner:
        raise SnntkError(
            f"{library} belongs to the thread {owner.name!r} and ends the process in another. Use it there, or in a "
            "process of its own."
        )
