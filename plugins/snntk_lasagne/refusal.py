"""What the parts of the plugin raise among themselves, and how a name from a file is shown."""

from __future__ import annotations

NAME_LENGTH = 200
SENTENCE_LENGTH = 1000
TRUST = "if you trust the script, --trust runs it; otherwise write the architecture as a .toml specification"
"""The way out where reading a script does not tell what running it would."""
CHANGE = "change the script, or write the architecture as a .toml specification"
NAME = "say which one builds the network: --set lasagne.function=NAME"


class Refused(Exception):
    """Something that cannot be converted: reason, place in the source, and the way out where it is special."""

    def __init__(self, problem: str, where: str = "", remedy: str = "") -> None:
        self.problem, self.where, self.remedy = problem, where, remedy
        Exception.__init__(self, f"{where}: {problem}" if where else problem)


def printable(value: object, length: int = NAME_LENGTH) -> str:
    """Return a name or value from a file as it may appear in a message."""
    text = "".join(character if character.isprintable() else "?" for character in str(value))
    return (text if len(text) <= length else text[:length] + "...").strip()
