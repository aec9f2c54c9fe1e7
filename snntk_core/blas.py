"""Matrix products that stay in the thread that asks for them, wherever several threads compute side by side.

The products of one part of a batch are too small to share: left to itself, a BLAS spends its time waiting for its own
threads, and far more when another program holds a core.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.util import find_spec
from threading import Lock
from typing import Any


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit every BLAS that the first use finds, numpy's always, to one thread where threadpoolctl is installed.

    Blocks may overlap in different threads: the limit goes when the last of them ends.
    """
    if not find_spec("threadpoolctl"):
        yield
        return
    limit = _limit()
    limit.enter()
    try:
        yield
    finally:
        limit.leave()


class _Limit:
    """The limit of the whole process, and how many blocks rely on it."""

    def __init__(self, libraries: Any) -> None:
        self.libraries, self.lock, self.users = libraries, Lock(), 0
        self.held: AbstractContextManager[Any] | None = None

    def enter(self) -> None:
        with self.lock:
            if not self.users:
                self.held = self.libraries.limit(limits=1, user_api="blas")
                self.held.__enter__()
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users and self.held is not None:
                self.held.__exit__(None, None, None)
                self.held = None


@cache
def _limit() -> _Limit:
    """Return the limit; finding the libraries takes as long as running a small network."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return _Limit(ThreadpoolController())
