"""The pages of the documentation, and the code blocks on them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d[\d,.]*(e[+-]?\d+)?")


@dataclass(frozen=True)
class Block:
    """A code block: where it stands, its language, its text, and the text block right after it, if there is one."""

    line: int
    language: str
    text: str
    shown: str = ""


def pages() -> list[Path]:
    """Return every page that people read, README.md included."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    return sorted(page for page in found if "_build" not in page.parts)


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    matches = list(FENCE.finditer(text))
    found = []
    for index, match in enumerate(matches):
        after = matches[index + 1] if index + 1 < len(matches) else None
        follows = after is not None and after[1] == "text" and not text[match.end() : after.start()].strip()
        shown = after[2] if after is not None and follows else ""
        found.append(Block(text.count("\n", 0, match.start()) + 1, match[1], match[2], shown))
    return found


def commands(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output shown below it."""
    parts = re.split(r"^\$ ", block.text.replace("\\\n", " "), flags=re.MULTILINE)
    return [(command.strip(), shown) for command, _, shown in (part.partition("\n") for part in parts[1:])]


def missing_lines(shown: str, printed: str) -> list[str]:
    """Return the lines of ``shown`` that ``printed`` lacks, in that order and apart from numbers and spaces.

    A line ``...`` stands for any lines that were left out.
    """
    rest = iter(_masked(printed))
    return [line for line in _masked(shown) if line != "..." and line not in rest]


def _masked(text: str) -> list[str]:
    lines = (" ".join(NUMBER.sub("#", line).split()) for line in text.splitlines())
    return [line for line in lines if line.strip(" ─")]
