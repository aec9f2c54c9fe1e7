"""Why something cannot be converted, and how names of strangers' files may appear in messages."""

from __future__ import annotations

NAME_LENGTH = 250


class Unsupported(Exception):
    """Why an operation or a tensor cannot be converted, as the rest of a sentence about it."""


def printable(text: object) -> str:
    """Return a name from a file as it may appear in a message."""
    clean = "".join(character if character.isprintable() else "?" for character in str(text))
    return (clean if len(clean) <= NAME_LENGTH else clean[:NAME_LENGTH] + "...").strip()


def first_line(error: BaseException) -> str:
    """Return the first line of a library's message, without its period."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[0] if lines else type(error).__name__).rstrip(".:")
