"""The benchmark of quantization: what it has measured is kept, and the documentation shows it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from quantization_results import FLOAT, Results, key_of, table  # noqa: E402

SETTING = {"samples": 200, "calibration": 10, "seed": 7}


def test_an_interrupted_run_goes_on_where_it_was(tmp_path) -> None:
    path, measured = tmp_path / "kept.json", []

    def measure() -> int:
        measured.append(1)
        return 190

    first = Results(path, SETTING)
    assert first.cell(key_of("net", FLOAT), measure)["right"] == 190
    again = Results(path, SETTING)
    assert again.cell(key_of("net", FLOAT), measure)["right"] == 190
    assert measured == [1]
    with pytest.raises(SystemExit, match="was measured with"):
        Results(path, {**SETTING, "samples": 100})


def test_the_table_has_points_lost_and_nothing_for_what_was_not_measured() -> None:
    results = Results(None, SETTING)
    results.cell(key_of("net", FLOAT), lambda: 190)
    results.cell(key_of("net", "a way", (4, 4)), lambda: 187)
    results.cell(key_of("net", "a way", (2, 4)), lambda: 191)
    assert list(table(results, ["net"], ["another", "a way"]))[2:] == [
        "| `net`, 95.00 % | a way |  | 1.50 |  | -0.50 |"
    ]


def test_the_documentation_shows_what_was_measured() -> None:
    results = Results(ROOT / "benchmarks" / "quantization.json", {"samples": 10_000, "calibration": 500, "seed": 7})
    page = (ROOT / "docs" / "how-to" / "calibrate.md").read_text(encoding="utf-8")
    shown = [line for line in page.splitlines() if line.startswith("| ")]
    titles = dict.fromkeys(key.split(" | ")[1] for key in results.cells)
    names = dict.fromkeys(key.split(" | ")[0] for key in results.cells)
    cells = {line.split(" | ", 1)[1] for line in table(results, list(names), [t for t in titles if t != FLOAT])}
    missing = [line for line in cells if not any(row.endswith(line) for row in shown)]
    assert missing == []
