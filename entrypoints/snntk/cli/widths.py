"""How wide the columns of a table become where there is not room for all of it.  No terminal, only arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from snntk.cli.blocks import Column, Table, printable

GAP = 3
"""Between two columns."""
LONG_WORD = 24
"""From here on a word may be broken."""


def fitted(table: Table, room: int) -> tuple[list[int], list[int]]:
    """Return which columns are shown in ``room`` characters, and how wide each of them is.

    Words stay whole as long as there is room for that without the columns that can be spared; those on the right are
    spared first.
    """
    cells = [[printable(cell) for cell in (column.title, *texts)] for column, texts in _columns(table)]
    full = [max(map(_line, texts)) for texts in cells]
    least = [
        width if column.right else min(width, LONG_WORD, max(map(_word, texts)))
        for column, texts, width in zip(table.columns, cells, full, strict=True)
    ]
    shown = list(range(len(full)))
    for index in sorted(shown, key=lambda index: (table.columns[index].tone != "quiet", -index)):
        if sum(least[i] for i in shown) + GAP * (len(shown) - 1) <= room:
            break
        if table.columns[index].dispensable:
            shown.remove(index)
    return shown, shared([least[i] for i in shown], [full[i] for i in shown], room - GAP * (len(shown) - 1))


def shared(least: Sequence[int], full: Sequence[int], room: int) -> list[int]:
    """Return widths between ``least`` and ``full`` that fill ``room``; even less where that is not enough."""
    widths = list(least)
    for _ in range(max(0, sum(least) - room)):
        widths[widths.index(max(widths))] -= 1
    while sum(widths) < room:
        growing = [index for index, width in enumerate(widths) if width < full[index]]
        if not growing:
            break
        widths[min(growing, key=widths.__getitem__)] += 1
    return [max(1, width) for width in widths]


def _columns(table: Table) -> list[tuple[Column, list[str]]]:
    return [(column, [row[index] for row in table.rows]) for index, column in enumerate(table.columns)]


def _line(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


def _word(text: str) -> int:
    return max(map(len, text.split()), default=0)
