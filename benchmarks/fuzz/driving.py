"""Cases one after the other through a worker that is watched: it is killed when a case takes too long."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zlib import crc32

import numpy as np
from mutations import mutated
from seeds import Seed

SECONDS = 5.0
PATIENCE = 12.0  # how much longer than its own time a case may take on a busy machine
MEMORY = 1 << 30
FINE = ("graph", "refused")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Tally:
    """What became of the cases of one format."""

    format: str
    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    memory: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**vars(self), "outcomes": dict(self.outcomes)}


class Worker:
    """A worker process in an empty folder of its own, started when it is asked and again when it was killed."""

    def __init__(self, room: Path, plugins: Sequence[Path] = ()) -> None:
        self.room, self.plugins, self.process = room, plugins, None
        for name in ("here", "home", "temporary"):
            (room / name).mkdir()

    process: subprocess.Popen[str] | None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def start(self, warm: Sequence[Mapping[str, Any]]) -> None:
        """Start the process, let it load the libraries that a sound file needs, and limit its memory."""
        folder = Path(__file__).parent
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        places = {"HOME": str(self.room / "home"), "TMPDIR": str(self.room / "temporary"), "PYTHONPATH": str(folder)}
        environment = {**os.environ, **single, **places, "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "2"}
        self.process = subprocess.Popen(
            [sys.executable, str(folder / "worker.py"), *(str(path.resolve()) for path in self.plugins)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=self.room / "here", env=environment, text=True,
        )  # fmt: skip
        for request in (*warm, {**warm[0], "limit": True}):
            answer = self._asked(request, 120.0)
            if answer is None or answer["outcome"] not in FINE:
                raise RuntimeError(f"the worker does not start: {answer}")

    def ask(self, request: Mapping[str, Any], warm: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return what became of a case."""
        if self.process is None:
            self.start(warm)
        answer = self._asked(request, SECONDS)
        if answer is None:
            assert self.process is not None
            code = self.process.poll()
            self.stop()
            outcome, message = ("hang", "killed") if code is None else ("crash", f"the process ended with {code}")
            return {"outcome": outcome, "message": message, "seconds": SECONDS, "memory": 0, "events": []}
        return answer

    def _asked(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any] | None:
        process = self.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        used, start = self._used(), time.monotonic()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return None
        while True:
            ready, _, _ = select.select([process.stdout], [], [], 0.25)
            if ready:
                line = process.stdout.readline()
                if not line:
                    process.wait()
                return json.loads(line) if line else None
            if self._used() - used > seconds or time.monotonic() - start > seconds * PATIENCE:
                return None

    def _used(self) -> float:
        """The seconds for which the process has computed: what others compute on the machine does not count."""
        assert self.process is not None
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / TICKS
        return time.monotonic()


@dataclass(frozen=True)
class Trial:
    """What is mutated, with which random seed, where files of findings are kept, and a plugin file with the parser."""

    format: str
    seeds: Sequence[Seed]
    seed: int = 0
    keep: Path | None = None
    plugin: Path | None = None


def fuzz(trial: Trial, numbers: Iterable[int], tell: Callable[[Tally], None]) -> Tally:
    """Try the mutations with these numbers, and return what became of them.

    A number, a random seed and a version of numpy give one mutation.
    """
    tally, found = Tally(trial.format), trial.seeds
    plugins = [trial.plugin] if trial.plugin else []
    with tempfile.TemporaryDirectory(prefix="snntk-fuzz-") as place, Worker(Path(place), plugins) as worker:
        room = Path(place)
        own = [item for item in found if item.own]
        warm = [_request(item, _write(room / "warm" / str(i), item.files)) for i, item in enumerate(own)]
        for number in numbers:
            random = np.random.default_rng([trial.seed, number, crc32(trial.format.encode())])
            chosen = found[int(random.integers(len(found)))]
            names = list(chosen.files)
            changed = names[int(random.integers(len(names)))]
            target = str(room / "created-by-a-payload")
            files = {**chosen.files, changed: mutated(chosen.files[changed], changed, random, target)}
            answer = worker.ask(_request(chosen, _write(room / "case", files)), warm)
            problems = list(_problems(answer, room, files))
            tally.cases += 1
            tally.outcomes[answer["outcome"]] += 1
            tally.slowest, tally.memory = max(tally.slowest, answer["seconds"]), max(tally.memory, answer["memory"])
            if problems:
                finding = {"number": number, "source": chosen.name, "file": changed, "problems": problems}
                tally.findings.append({**finding, "message": answer["message"]})
                if trial.keep:
                    _write(trial.keep / f"{trial.format}-{number}", files)
            tell(tally)
    return tally


def _request(seed: Seed, paths: list[Path]) -> dict[str, Any]:
    return {"parser": seed.parser, "options": dict(seed.options), "paths": list(map(str, paths))}


def _write(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _problems(answer: Mapping[str, Any], room: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    if answer["outcome"] not in FINE:
        yield answer["outcome"]
    if answer["seconds"] > SECONDS:
        yield f"{answer['seconds']:.1f} seconds"
    if answer["memory"] > MEMORY:
        yield f"{answer['memory'] >> 20} MiB"
    yield from answer["events"]
    expected = {room / "case" / name for name in files} | {
        room / name for name in ("here", "home", "temporary", "case")
    }
    for path in sorted(room.rglob("*")):
        if path not in expected and "warm" not in path.relative_to(room).parts:
            yield f"{path.relative_to(room)} was left behind"
            if path.is_file():
                path.unlink()
    for name in files:
        if (room / "case" / name).read_bytes() != files[name]:
            yield f"{name} was changed"
