"""The process that the emulator runs in, and the files that arrays go through.

To start one takes a second, so the process of a closed program waits for the next program, and ends with this one.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from snntk_core import Array
from snntk_core.errors import SnntkError

PATIENCE = 5  # seconds a worker may take to end by itself
WORKER = Path(__file__).with_name("worker.py")


class Worker:
    """A process that answers one question at a time, and its folder."""

    def __init__(self, python: str) -> None:
        self.python, self.owner = python, os.getpid()
        self.folder = tempfile.TemporaryDirectory(prefix="snntk-loihi-", ignore_cleanup_errors=True)
        self.errors = (Path(self.folder.name) / "errors.txt").open("w+", encoding="utf-8")
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                [python, "-I", str(WORKER), self.folder.name], stdin=pipe, stdout=pipe, stderr=self.errors, text=True
            )
        except OSError as error:
            self.errors.close()
            self.folder.cleanup()
            raise SnntkError(f"loihi: the Python {python} does not start: {error}") from error
        self.end = weakref.finalize(self, _end, self.process, self.errors, self.folder)

    def ask(self, question: Mapping[str, object]) -> None:
        """Wait until a question is answered.  A worker that was interrupted or failed answers no other."""
        try:
            self._asked(question)
        except BaseException:
            self.end()
            raise

    def _asked(self, question: Mapping[str, object]) -> None:
        if not self.end.alive:
            raise SnntkError("loihi: the program is closed.")
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        line = ""
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines()
            raise SnntkError(f"loihi: the emulator's process ended. It said: {said[-1] if said else 'nothing'}")
        error = json.loads(line).get("error")
        if error:
            raise SnntkError(f"loihi: the emulator refused: {error}")

    def write(self, name: str, arrays: Mapping[str, Array]) -> str:
        """Write arrays to a file of the folder and return its path."""
        path = Path(self.folder.name) / f"{name}.npz"
        np.savez(path, **arrays)
        return str(path)


_WAITING: dict[str, Worker] = {}
"""The worker that waits for the next program, by its Python."""


def _taken(python: str) -> Worker:
    waiting = _WAITING.pop(python, None)
    usable = waiting is not None and waiting.owner == os.getpid() and waiting.process.poll() is None
    return waiting if usable and waiting is not None else Worker(python)


def _left(worker: Worker) -> None:
    """Let a worker wait for the next program where none waits; else end it."""
    if worker.end.alive and worker.owner == os.getpid() and worker.python not in _WAITING:
        _WAITING[worker.python] = worker
    else:
        worker.end()


class Emulator:
    """The stages of one network in a worker."""

    def __init__(self, python: str, stages: list[Mapping[str, Array]]) -> None:
        self.worker = _taken(python)
        self.close = weakref.finalize(self, _left, self.worker)
        self.worker.ask({"forget": True})
        for stage in stages:
            self.worker.ask({"stage": self.worker.write("stage", stage)})

    def run(self, stage: int, samples: Mapping[str, Array]) -> dict[str, Array]:
        """Return what the samples give on a stage, see the worker."""
        if not self.close.alive:
            raise SnntkError("loihi: the program is closed.")
        if not self.worker.end.alive:
            raise SnntkError("loihi: the emulator ended in an earlier run. Compile the network again.")
        result = Path(self.worker.folder.name) / "result.npz"
        given = self.worker.write("samples", samples)
        self.worker.ask({"run": stage, "samples": given, "result": str(result)})
        with np.load(result) as file:
            return dict(file)


def _end(process: subprocess.Popen[str], errors: object, folder: tempfile.TemporaryDirectory[str]) -> None:
    """End a process, which leaves by itself when nobody asks any more, and take its files away."""
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    errors.close()
    folder.cleanup()
