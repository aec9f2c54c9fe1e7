"""Why something cannot be converted, and names from files as they may appear in a message."""

from __future__ import annotations

NAME_LENGTH = 250


class Unsupported(Exception):
    """Why a layer cannot be converted, as the rest of a sentence about it."""


def printable(name: object) -> str:
    """Return a name from a file as it may appear in a message."""
    clean = "".join(character if character.isprintable() else "?" for character in str(name))
    return (clean if len(clean) <= NAME_LENGTH else clean[:NAME_LENGTH] + "...").strip()
