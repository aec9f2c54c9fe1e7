"""What a command shows, as plain data: headings, facts, tables and paragraphs.  `render` puts it on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """A title over what follows."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text.  ``tone``: plain, quiet, good or bad."""

    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Facts:
    """Names with their values, one on each line."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Column:
    """A column of a table; numbers stand right."""

    title: str
    right: bool = False
    tone: str = "plain"

    @property
    def dispensable(self) -> bool:
        """Whether a narrow terminal may do without it: numbers and quiet words, never what the rows are about."""
        return self.right or self.tone == "quiet"


@dataclass(frozen=True)
class Table:
    """Rows of text under columns, with a title.  ``marked``: the rows shown in the tone bad."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    marked: frozenset[int] = frozenset()


def counted(number: int, noun: str) -> str:
    """Return a number of things in words: 1 sample, 2 samples."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def printable(text: str) -> str:
    """Return text without control characters: names in a stranger's file must not steer the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


Block = Heading | Paragraph | Facts | Table


def numbers(*titles: str) -> list[Column]:
    """Return columns of numbers."""
    return [Column(title, right=True) for title in titles]
