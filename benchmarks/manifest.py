"""What becomes of every stranger's model: a table with one row for each entry of the manifest.

    SNNTK_SHARED=... python benchmarks/manifest.py        (needs onnx, onnxruntime, h5py, torch, nir and caffe2onnx)

``expected`` is what the manifest says.  ``error``: the largest difference to the output that its own library gave,
relative to the largest output.  The last column is the sentence of a refusal.  The exit code is 1 where one entry did
not end as expected.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import snntk
from snntk_core.errors import SnntkError
from snntk_torch import TorchParser

Entry = Mapping[str, Any]

BOUND = 1e-4
WIDTH = 100  # of a sentence in the table
EXIT_CODES = (1, 3)  # failed, and incompatible
CLASSES = {"sd-skyiwalker": "strangers_classes:Skyiwalker", "sd-sinabs-nobias": "strangers_classes:sinabs"}
CLASSES_FOLDER = Path(__file__).parents[1] / "tests" / "plugins" / "torch"


@dataclass(frozen=True)
class Outcome:
    """How an entry ended: ``error`` for one that was read, ``sentence`` for one that was refused."""

    slug: str
    framework: str
    expected: str
    seconds: float
    error: float | None = None
    sentence: str = ""
    exit_code: int = 0

    @property
    def read(self) -> bool:
        """Whether the entry became a graph."""
        return not self.sentence

    @property
    def as_expected(self) -> bool:
        """Whether it ended as the manifest says: read and equal, or refused in one line."""
        refused = bool(self.sentence) and "\n" not in self.sentence and self.exit_code in EXIT_CODES
        right = self.read and (self.error is None or self.error <= BOUND)
        if self.expected == "converts":
            return self.read and self.error is not None and right
        return refused or (not self.expected.startswith("rejected") and right)


def entries(shared: Path) -> list[Entry]:
    """Return the entries of the manifest, each with its ``folder``."""
    file = shared / "models" / "manifest.json"
    found = json.loads(file.read_text(encoding="utf-8"))["models"]
    return [{**entry, "folder": file.parent / _folder(entry)} for entry in found]


def _folder(entry: Entry) -> str:
    return str(entry.get("dir") or f"{entry['framework']}/{entry['slug']}")


def source(entry: Entry) -> Path | tuple[Path, ...]:
    """Return what a user gives: the file, or the files that belong together."""
    paths = [entry["folder"] / item["file"] for item in entry["files"]]
    if entry["framework"] == "caffe":
        return tuple(paths[:2])  # the third is a mean image, which is no part of the network
    together = entry["framework"] == "keras" and len(paths) > 1
    return tuple(paths) if together else paths[0]


def outcome_of(entry: Entry) -> Outcome:
    """Read one entry as a user would, and compare it with the output that was recorded of its own library."""
    start, slug = perf_counter(), entry["slug"]
    parser = None
    if slug in CLASSES:  # the one thing that the files do not say
        if str(CLASSES_FOLDER) not in sys.path:
            sys.path.append(str(CLASSES_FOLDER))
        shape = tuple(entry["input_shape_without_batch"])
        parser = TorchParser(model_class=CLASSES[slug], input_shape=shape)
    known = (slug, entry["framework"], entry["expectation"])
    try:
        graph = snntk.parse(source(entry), parser=parser)
        error = _error(graph, entry["folder"] / "reference.npz")
    except SnntkError as refusal:
        return Outcome(*known, perf_counter() - start, None, str(refusal), refusal.exit_code)
    return Outcome(*known, perf_counter() - start, error)


def _error(graph: snntk.Graph, reference: Path) -> float | None:
    if not reference.is_file():
        return None
    with np.load(reference) as recorded:
        x, y = recorded["x"], recorded["y"]
    found = snntk.evaluate(graph, x)
    if found.shape != y.shape:
        return float("inf")
    return float(np.abs(found - y).max() / np.abs(y).max())


def table(outcomes: Iterable[Outcome], folder: Path) -> Iterator[str]:
    """Return the lines of the table; paths are shown as they lie in ``folder``."""
    rows = [("id", "format", "expected", "outcome", "seconds", "error", "sentence")]
    for item in outcomes:
        ended = ("read" if item.read else "refused") + ("" if item.as_expected else ", NOT AS EXPECTED")
        error = "" if item.error is None else f"{item.error:.1e}"
        sentence = textwrap.shorten(item.sentence.replace(f"{folder}{os.sep}", ""), WIDTH, placeholder=" ...")
        expected = item.expected.partition(" ")[0]
        rows.append((item.slug, item.framework, expected, ended, f"{item.seconds:.2f}", error, sentence))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def main() -> int:
    """Print the table."""
    shared = os.environ.get("SNNTK_SHARED")
    if not shared:
        print("SNNTK_SHARED does not name the folder with models/manifest.json.", file=sys.stderr)
        return 2
    outcomes = [outcome_of(entry) for entry in entries(Path(shared))]
    for line in table(outcomes, Path(shared) / "models"):
        print(line)
    wrong = [item.slug for item in outcomes if not item.as_expected]
    read = sum(item.read for item in outcomes)
    print(f"\n{len(outcomes)} entries: {read} read, {len(outcomes) - read} refused, {len(wrong)} not as expected.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
