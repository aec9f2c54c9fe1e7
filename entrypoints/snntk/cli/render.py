"""Blocks on the terminal.  The only module that imports rich, and only when something is shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from snntk.cli.blocks import Block, Facts, Heading, Paragraph, Table, printable
from snntk.cli.widths import fitted
from snntk_core.pipeline import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH, NARROWEST = 100, 20
STYLES = {"plain": "", "quiet": "dim", "good": "green", "bad": "red"}
PATIENCE = 1.0
"""Seconds of work before a progress bar appears."""


def show(blocks: Iterable[Block]) -> None:
    """Print blocks: with color on a terminal unless NO_COLOR is set, as plain text elsewhere."""
    from rich.console import Console
    from rich.text import Text

    colors: Any = None if os.environ.get("NO_COLOR") else "auto"
    console = Console(highlight=False, markup=False, emoji=False, color_system=colors)
    console.width = _width(console.width, console.is_terminal)
    drawn: list[RenderableType] = []
    for block in blocks:
        if drawn and (isinstance(block, Heading) or (isinstance(block, Table) and block.title)):
            drawn.append(Text())
        drawn += _drawn(block, console.width)
    if console.is_terminal:
        console.print(*drawn, sep="\n")
        return
    with console.capture() as captured:
        console.print(*drawn, sep="\n")
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _width(found: int, terminal: bool) -> int:
    """Return how wide the text is: what COLUMNS says, as a terminal is but no wider than is good to read, or that."""
    said = os.environ.get("COLUMNS", "")
    if not terminal:
        return max(int(said), NARROWEST) if said.isdecimal() and int(said) else WIDTH
    return max(min(found, WIDTH), NARROWEST)


def _drawn(block: Block, width: int) -> list[RenderableType]:
    match block:
        case Heading():
            return [_text(block.text, "bold")]
        case Paragraph():
            return [_text(block.text, STYLES[block.tone])]
        case Facts():
            return [_facts(block)]
        case Table():
            return [*([_text(block.title, "bold")] if block.title else []), *_table(block, width)]


def _text(text: str, style: str = "") -> Any:
    from rich.text import Text

    return Text(printable(text), style=style)


def _facts(facts: Facts) -> RenderableType:
    from rich.table import Table as Grid

    grid = Grid.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for name, value in facts.pairs:
        grid.add_row(_text(name), _text(value))
    return grid


def _table(table: Table, width: int) -> list[RenderableType]:
    from rich import box
    from rich.table import Table as Grid

    shown, widths = fitted(table, width)
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for index, room in zip(shown, widths, strict=True):
        column = table.columns[index]
        side: Any = "right" if column.right else "left"
        style = STYLES[column.tone]
        grid.add_column(_text(column.title), justify=side, width=room, overflow="fold", style=style)
    for number, row in enumerate(table.rows):
        cells = (_text(row[index]) for index in shown)
        grid.add_row(*cells, style=STYLES["bad"] if number in table.marked else "")
    left = ", ".join(column.title or "notes" for i, column in enumerate(table.columns) if i not in shown)
    return [grid, _text(f"Left out for want of room: {left}.", STYLES["quiet"])] if left else [grid]


def _quiet(what: str, done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def progress() -> Iterator[Progress]:
    """Give a callback that draws a bar on the error stream, once the work has lasted a second; none off a terminal."""
    if not sys.stderr.isatty():
        yield _quiet
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    )
    task = bars.add_task("", total=None)
    begun = perf_counter()

    def draw(what: str, done: int, total: int) -> None:
        if perf_counter() - begun >= PATIENCE:
            bars.start()
            bars.update(task, description=what, completed=done, total=total)

    try:
        yield draw
    finally:
        bars.stop()
