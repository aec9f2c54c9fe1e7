"""Parts of a batch side by side: one thread for each, and one BLAS thread within it.

The matrix products of one part are too small to share: left to itself, a BLAS spends its time waiting for its own
threads, and far more when another program holds a core.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def default_workers() -> int:
    """Return one worker for each core, or one alone where threadpoolctl is not there to keep the BLAS to one thread."""
    return (os.cpu_count() or 1) if find_spec("threadpoolctl") else 1


def map_parts(function: Callable[[Item], Answer], parts: Iterable[Item], workers: int) -> list[Answer]:
    """Return ``function`` of every part, in order."""
    if workers == 1:
        return [function(part) for part in parts]
    with _one_blas_thread(), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, parts))


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    if not find_spec("threadpoolctl"):
        yield
        return
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1, user_api="blas"):
        yield
