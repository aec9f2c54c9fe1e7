"""What a check says: nothing when its claim holds, else a `Fault` with a hint, or why it did not apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from snntk_core.component import Component
from snntk_core.errors import OptionError

Examples = Sequence[Callable[[], object]]
"""Functions without arguments that each build a small source for a parser."""

C = TypeVar("C", bound=Component)


class Fault(AssertionError):
    """A claim does not hold; the message says what is wrong and how to mend it."""


class Skipped(Exception):
    """A check cannot be made here; the message is the reason."""


@dataclass(frozen=True)
class Outcome:
    """What one check found of one component.

    ``message``: what is wrong and a hint how to mend it.  ``skipped``: why the check was not made, or, for a known
    failure, its reason.
    """

    component: str
    check: str
    passed: bool
    message: str = ""
    skipped: str = ""


def expect(holds: bool, problem: str, hint: str = "") -> None:
    """Raise `Fault` unless ``holds``."""
    if not holds:
        raise Fault(f"{problem} {hint}".strip())


def configured(component: type[C]) -> C:
    """Return the component with its defaults; raises `Skipped` for one that has options without a default."""
    try:
        return component.configure({})
    except OptionError as error:
        raise Skipped(f"it cannot be made with its defaults: {error}") from error
