"""Parts of a batch side by side: one thread for each, and one BLAS thread within it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TypeVar

from snntk_core.blas import one_blas_thread

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def default_workers() -> int:
    """Return one worker for each core, or one alone where threadpoolctl is not there to keep the BLAS to one thread."""
    return (os.cpu_count() or 1) if find_spec("threadpoolctl") else 1


def map_parts(function: Callable[[Item], Answer], parts: Iterable[Item], workers: int) -> list[Answer]:
    """Return ``function`` of every part, in order."""
    if workers == 1:
        return [function(part) for part in parts]
    with one_blas_thread(), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, parts))
