"""NEST's kernel: one for the whole process, so a program that uses it takes it from the one before."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from snntk_core.errors import SnntkError
from snntk_core.one_thread import keep_to_one_thread

MARK = "snntk-"  # what the label of the first node of our networks begins with
OLDEST = (3, 10)


class Kernel:
    """What a program holds of NEST's kernel, whose network is the one that was built last.

    The first node of a network carries the mark of its program as a label, and is gone when somebody resets the kernel.
    """

    def __init__(self, threads: int, resolution: float) -> None:
        self.nest, self.threads, self.resolution = quiet_nest(), threads, resolution
        self.mark = ""

    @property
    def held(self) -> bool:
        """Whether the network in the kernel is still that of this program."""
        return bool(self.mark) and self._label() == self.mark

    def claim(self) -> None:
        """Empty the kernel for this program.

        A network of another program of this simulator gives way, and is built again when that program runs.  Raises
        `SnntkError` where there is a network that is not of this simulator.
        """
        nest = self.nest
        if nest.network_size and not self._label().startswith(MARK):
            raise SnntkError(
                f"NEST holds a network of {nest.network_size} nodes that is not of snntk, and has room for one only. "
                "Run snntk in a process of its own, or call nest.ResetKernel() first."
            )
        self.mark = MARK + uuid4().hex
        nest.ResetKernel()
        nest.set(
            resolution=self.resolution,
            local_num_threads=self.threads,
            eprop_reset_neurons_on_update=False,
        )
        nest.Create("spike_recorder", params={"label": self.mark})

    def release(self) -> None:
        """Empty the kernel if it still is this program's."""
        if self.held:
            self.nest.ResetKernel()
        self.mark = ""

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep NEST silent; after an error the kernel is emptied, because nobody knows what state it is in."""
        keep_to_one_thread("nest")
        verbosity = self.nest.verbosity
        self.nest.verbosity = self.nest.VerbosityLevel.ERROR
        try:
            yield
        except BaseException:
            self.release()
            raise
        finally:
            self.nest.verbosity = verbosity

    def _label(self) -> str:
        """Return the label of the first node, empty where there is none."""
        if not self.nest.network_size:
            return ""
        return str(self.nest.NodeCollection([1]).get().get("label", ""))

    @property
    def now(self) -> int:
        """The last step that was simulated."""
        return round(float(self.nest.biological_time / self.resolution))

    def run(self, steps: int, slices: int) -> None:
        """Simulate ``slices`` times ``steps`` steps; an interrupt is heeded after each."""
        self.nest.Prepare()
        try:
            for _ in range(slices):
                self.nest.Run(steps * self.resolution)
        finally:
            self.nest.Cleanup()


def quiet_nest() -> Any:
    """Import NEST without a word, and leave the process as it was.

    Raises `SnntkError` for a NEST that is too old, and in another thread than the first.
    """
    keep_to_one_thread("nest")
    with _unheard():
        import nest
    check_version(getattr(nest, "__version__", "0"))
    return nest


def check_version(version: str) -> None:
    """Raise `SnntkError` for a version of NEST that is too old."""
    if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < OLDEST:
        raise SnntkError(f'NEST {version} is too old. Run: pip install "nest-simulator>=3.10".')


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep NEST from greeting, from reading the command line, and from changing how libraries are loaded."""
    flags, arguments, quiet = sys.getdlopenflags(), sys.argv, os.environ.get("PYNEST_QUIET")
    os.environ["PYNEST_QUIET"], sys.argv = "1", arguments[:1]
    try:
        yield
    finally:
        sys.setdlopenflags(flags)
        sys.argv = arguments
        if quiet is None:
            del os.environ["PYNEST_QUIET"]
        else:
            os.environ["PYNEST_QUIET"] = quiet
