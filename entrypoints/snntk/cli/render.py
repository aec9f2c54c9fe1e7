"""Blocks on the terminal.  The only module that imports rich, and only when something is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from snntk.cli.blocks import Block, Facts, Heading, Paragraph, Table, printable
from snntk_core.pipeline import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 100
STYLES = {"plain": "", "quiet": "dim", "good": "green", "bad": "red"}
PATIENCE = 1.0
"""Seconds of work before a progress bar appears."""


def show(blocks: Iterable[Block]) -> None:
    """Print blocks: with color and boxes on a terminal, as plain text elsewhere."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    drawn = [part for block in blocks for part in _drawn(block)]
    if console.is_terminal:
        console.print(*drawn, sep="\n")
        return
    with console.capture() as captured:
        console.print(*drawn, sep="\n")
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _drawn(block: Block) -> list[RenderableType]:
    match block:
        case Heading():
            return [_text(f"\n{block.text}", "bold")]
        case Paragraph():
            return [_text(block.text, STYLES[block.tone])]
        case Facts():
            return [_facts(block)]
        case Table():
            title = [_text(f"\n{block.title}", "bold")] if block.title else []
            return [*title, _table(block)]


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


def _table(table: Table) -> RenderableType:
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for column in table.columns:
        grid.add_column(
            _text(column.title),
            justify="right" if column.right else "left",
            no_wrap=column.right,
            overflow="fold",
            style=STYLES[column.tone],
        )
    for index, row in enumerate(table.rows):
        grid.add_row(*map(_text, row), style=STYLES["bad"] if index in table.marked else "")
    return grid


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
