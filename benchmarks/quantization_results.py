"""What `quantization.py` has measured: a file that every figure goes to at once, and tables of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter

BITS = ((8, 8), (4, 4), (4, 2), (2, 4))
"""Bits of weights and activations, a column of the table each."""
FLOAT = "float"
Cell = dict[str, float]


class Results:
    """How many test images were decided right, by network, method and bits."""

    def __init__(self, path: Path | None, setting: dict[str, int]) -> None:
        self.path, self.setting = path, setting
        self.cells: dict[str, Cell] = {}
        if path is not None and path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["setting"] != setting:
                raise SystemExit(f"{path} was measured with {kept['setting']}, not {setting}.")
            self.cells = kept["cells"]

    def cell(self, key: str, measure: Callable[[], int]) -> Cell:
        """Return how many were ``right`` and the ``seconds`` it took; measured now unless it was before."""
        if key not in self.cells:
            start = perf_counter()
            right = measure()
            self.cells[key] = {"right": right, "seconds": round(perf_counter() - start, 1)}
            self._keep()
        return self.cells[key]

    def _keep(self) -> None:
        if self.path is None:
            return
        beside = self.path.with_suffix(".partial")
        text = json.dumps({"setting": self.setting, "cells": dict(sorted(self.cells.items()))}, indent=1)
        beside.write_text(text + "\n", encoding="utf-8")
        beside.replace(self.path)

    def lost(self, name: str, title: str, bits: tuple[int, int]) -> float | None:
        """Return the percentage points lost against the float network; None where that was not measured."""
        before, after = (self.cells.get(key) for key in (key_of(name, FLOAT), key_of(name, title, bits)))
        if before is None or after is None:
            return None
        return 100 * (before["right"] - after["right"]) / self.setting["samples"]


def key_of(name: str, title: str, bits: tuple[int, int] | None = None) -> str:
    """Return what a figure is called in the file."""
    return " | ".join((name, title, *([spelled(bits)] if bits else [])))


def spelled(bits: tuple[int, int]) -> str:
    """Return bits as a column is called, such as ``4/2``."""
    return "/".join(map(str, bits))


def table(results: Results, names: Sequence[str], methods: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a table for the documentation: what was measured of these networks and methods."""
    yield f"| network | method | {' | '.join(map(spelled, BITS))} |"
    yield "| --- | --- |" + " --- |" * len(BITS)
    for name in names:
        share = 100 * results.cells[key_of(name, FLOAT)]["right"] / results.setting["samples"]
        head = f"`{name}`, {share:.2f} %"
        for title in methods:
            lost = [results.lost(name, title, bits) for bits in BITS]
            if any(points is not None for points in lost):
                cells = " | ".join("" if points is None else f"{points + 0.0:.2f}" for points in lost)
                yield f"| {head} | {title} | {cells} |"
                head = ""
