"""What is shown: a table of engines for each network and batch, and tables of time against one thing at a time."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

LOOP, ANN = "torch loop", "ANN forward (torch)"


def per_image(point: dict[str, Any] | None) -> float | None:
    """Return the median milliseconds of one sample."""
    return 1e3 * point["median"] / point["samples"] if point else None


def number(value: float | None, digits: int = 3, unit: str = "") -> str:
    """Return a number with so many digits that count, or a dash."""
    if value is None:
        return "–"
    shown = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"
    return shown + unit


def engine_table(console: Console, title: str, rows: dict[str, dict[str, Any]], index: int) -> None:
    """Print one point of every engine, the fastest first among those that answered."""
    table = Table(title=title, title_justify="left")
    for heading in ("engine", "ms per image", "x loop", "x ANN", "peak MB", "start s", "same as numpy"):
        table.add_column(heading, justify="left" if heading in ("engine", "same as numpy") else "right")
    found = {name: _point(row, index) for name, row in rows.items()}
    loop, analog = per_image(found.get(LOOP)), per_image(found.get(ANN))
    for name, row in sorted(rows.items(), key=lambda item: per_image(found[item[0]]) or float("inf")):
        point = found[name]
        if point is None:
            table.add_row(name, "–", "", "", "", "", row.get("failed", "left out"), style="dim")
            continue
        time = per_image(point)
        peak = point["device peak"] or point["peak"]
        table.add_row(
            name, number(time), number(loop and loop / time), number(analog and time / analog), number(peak, 4),
            number(row.get("start to first result"), 2), row.get("agreement", {}).get("same", ""),
        )  # fmt: skip
    console.print(table)


def _point(row: dict[str, Any], index: int) -> dict[str, Any] | None:
    points = row.get("points", [])
    return points[index] if index < len(points) else None


def sweep_table(console: Console, title: str, what: str, rows: dict[str, dict[str, Any]], values: list[Any]) -> None:
    """Print milliseconds for each image, and the peak of memory, of every engine against the values of one thing."""
    table = Table(title=title, title_justify="left")
    table.add_column("engine")
    table.add_column("")
    for value in values:
        table.add_column(f"{what} {value}", justify="right")
    for name, row in rows.items():
        points = [_point(row, index) for index in range(len(values))]
        if not any(points):
            table.add_row(name, row.get("failed", "left out"), style="dim")
            continue
        table.add_row(name, "ms per image", *(number(per_image(point)) for point in points))
        table.add_row(
            "", "peak MB", *(number(point and (point["device peak"] or point["peak"]), 4) for point in points)
        )
        work = [_work(point) for point in points]
        if any(work):
            table.add_row("", "M synaptic operations per image", *(number(value) for value in work))
    console.print(table)


def _work(point: dict[str, Any] | None) -> float | None:
    total = point and point["facts"].get("synaptic operations")
    return total / point["samples"] / 1e6 if total else None
