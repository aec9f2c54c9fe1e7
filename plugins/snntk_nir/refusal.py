"""What the parts of the plugin raise among themselves, and how a name from a file is shown."""

from __future__ import annotations

NAME_LENGTH = 200


class Refused(Exception):
    """Something that cannot be converted: the reason, and the way out where there is a special one."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem, self.remedy = problem, remedy
        Exception.__init__(self, problem)


def printable(value: object) -> str:
    """Return a name or value from a file as it may appear in a message."""
    text = "".join(character if character.isprintable() else "?" for character in str(value))
    return (text if len(text) <= NAME_LENGTH else text[:NAME_LENGTH] + "...").strip()
