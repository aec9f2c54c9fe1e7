"""Threads: over parts of a batch, and within a layer where there are fewer parts than threads.

Compiled loops run without the interpreter's lock.  What is computed does not depend on the number of threads: parts are
cut by the batch alone, and a layer's images and positions are independent of each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event
from typing import TypeVar

from snntk_core.blas import one_blas_thread
from snntk_core.errors import SnntkError
from snntk_event.costs import WORTH

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Stretch = tuple[int, int, int, int]
"""Images from one on to another, and positions from one on to another."""


def default_workers() -> int:
    """Return ``NUMBA_NUM_THREADS``, or one thread for each core that this process may use.

    Raises `SnntkError` where the variable says no number of threads.
    """
    told = os.environ.get("NUMBA_NUM_THREADS", "").strip()
    if told.isdecimal() and int(told):
        return int(told)
    if told:
        remedy = "Say a count from 1 on, unset it, or set the option workers."
        raise SnntkError(f"event: NUMBA_NUM_THREADS is {told!r}, which is no number of threads. {remedy}")
    return len(os.sched_getaffinity(0)) if "sched_getaffinity" in dir(os) else os.cpu_count() or 1


@dataclass(frozen=True, eq=False)
class Team:
    """Threads that share the work of one layer.  ``pool`` is None for one that works alone.

    ``stopped`` is set where another part of the batch failed or was interrupted.
    """

    size: int = 1
    pool: ThreadPoolExecutor | None = None
    stopped: Event = field(default_factory=Event)

    def go_on(self) -> None:
        """Raise `CancelledError` where nobody will read this part: else an interrupt waits until all parts are done."""
        if self.stopped.is_set():
            raise CancelledError

    def spread(self, work: Callable[[Stretch], None], images: int, positions: int, seconds: float) -> None:
        """Do ``work`` for all images and positions; ``seconds`` is about how long one thread would take."""
        pieces = min(self.size, int(seconds / WORTH))
        if self.pool is None or pieces < 2:
            work((0, images, 0, positions))
        elif images >= pieces:
            _together(self.pool, work, [(first, last, 0, positions) for first, last in _cut(images, pieces)])
        else:
            _together(self.pool, work, [(0, images, first, last) for first, last in _cut(positions, pieces)])


def _cut(count: int, pieces: int) -> list[tuple[int, int]]:
    bounds = [count * index // pieces for index in range(pieces + 1)]
    return [(first, last) for first, last in pairwise(bounds) if last > first]


def _together(pool: ThreadPoolExecutor, work: Callable[[Stretch], None], stretches: Sequence[Stretch]) -> None:
    """Do the first stretch here and the others in the pool."""
    others = [pool.submit(work, stretch) for stretch in stretches[1:]]
    work(stretches[0])
    for other in others:
        other.result()


def map_parts(function: Callable[[Item, Team], Answer], parts: Sequence[Item], workers: int) -> list[Answer]:
    """Return ``function`` of every part and of the team that computes it, in order."""
    outer = min(workers, len(parts))
    with one_blas_thread():
        if workers == 1:
            return [function(part, Team()) for part in parts]
        if outer == workers:
            return _mapped(function, parts, outer, Team())
        with ThreadPoolExecutor(workers - outer) as inner:
            team = Team(workers // outer, inner)
            if outer == 1:
                return [function(part, team) for part in parts]
            return _mapped(function, parts, outer, team)


def _mapped(function: Callable[[Item, Team], Answer], parts: Sequence[Item], threads: int, team: Team) -> list[Answer]:
    with ThreadPoolExecutor(threads) as pool:
        try:
            return list(pool.map(lambda part: function(part, team), parts))
        except BaseException:
            team.stopped.set()
            raise
