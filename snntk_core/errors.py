"""Every exception snntk raises.  Each says what was found, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from snntk_core.capability import Issue


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest of ``choices``, or an empty string."""
    near = get_close_matches(name, sorted(choices), n=1, cutoff=0.55)
    return f" Did you mean {near[0]!r}?" if near else ""


def listed(names: Iterable[str]) -> str:
    """Return names sorted and joined for a message; ``none`` when there are none."""
    return ", ".join(sorted(names)) or "none"


WORDS = 300
"""How much of a stranger's exception is shown."""


def said(error: BaseException) -> str:
    """Return the type and the words of a stranger's exception, on one line that is not too long."""
    words = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in str(error)).split())
    words = words if len(words) <= WORDS else words[:WORDS] + "..."
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


class SnntkError(Exception):
    """Anything snntk refuses.  ``exit_code`` is what the command ends with."""

    exit_code: ClassVar[int] = 1


class ShapeError(SnntkError):
    """An op was given shapes it cannot take."""


class GraphError(SnntkError):
    """A graph is not valid; lists every problem found."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        Exception.__init__(self, "The graph is not valid: " + "; ".join(self.problems))


class FormatError(SnntkError):
    """A number format cannot be built, or an array is not on its grid."""


class ParseError(SnntkError):
    """A model cannot be read: the file, the place in it, what was found, what to do."""

    def __init__(self, source: str, problem: str, *, where: str = "", remedy: str = "") -> None:
        self.source, self.problem, self.where, self.remedy = source, problem, where, remedy
        place = f"{source}, {where}" if where else source
        Exception.__init__(self, f"{place}: {problem}" + (f" {remedy}" if remedy else ""))


class ArtifactError(SnntkError):
    """A saved network cannot be opened: truncated, corrupted, hostile or too new."""


class DataError(SnntkError):
    """A data file or array does not fit the model or the labels."""


class MissingLibrary(SnntkError):
    """A component needs a library that is not installed."""

    def __init__(self, component: str, libraries: Sequence[str], install: str) -> None:
        self.component, self.libraries = component, tuple(libraries)
        names, are = ", ".join(libraries), "is" if len(libraries) == 1 else "are"
        Exception.__init__(self, f"{component} needs {names}, which {are} not installed. Run: {install}")


class PredictionUnavailable(SnntkError):
    """A parser's library cannot compute a model that the parser can read, so the two cannot be compared."""

    def __init__(self, component: str, problem: str) -> None:
        self.component = component
        Exception.__init__(self, f"{component}: {problem}")


KNOWN = 100
"""How many of the known names a message lists: a large network has hundreds of nodes."""


class UnknownName(SnntkError):
    """A name that no plugin offers, or that no node of a graph has."""

    exit_code: ClassVar[int] = 2

    def __init__(self, kind: str, name: str, choices: Iterable[str]) -> None:
        self.kind, self.name, choices = kind, name, sorted(choices)
        more = f" and {len(choices) - KNOWN} more" if len(choices) > KNOWN else ""
        known = f"Known: {listed(choices[:KNOWN])}{more}."
        Exception.__init__(self, f"There is no {kind} {name!r}.{did_you_mean(str(name), choices)} {known}")


class AmbiguousName(SnntkError):
    """A bare name that two plugins claim."""

    exit_code: ClassVar[int] = 2

    def __init__(self, kind: str, name: str, qualified: Iterable[str]) -> None:
        Exception.__init__(self, f"The {kind} {name!r} is offered by several plugins. Say which: {listed(qualified)}.")


class OptionError(SnntkError):
    """Options that a component does not take; lists every one."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        Exception.__init__(self, " ".join(self.problems))


class RecipeError(SnntkError):
    """A recipe that cannot be resolved; lists every mistake."""

    exit_code: ClassVar[int] = 2

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        Exception.__init__(self, f"{source} cannot be used:{lines}")


class UnreadableSource(SnntkError):
    """No parser, or more than one, takes the source."""


class Incompatible(SnntkError):
    """The target cannot take the graph; lists every issue with its remedy."""

    exit_code: ClassVar[int] = 3

    def __init__(self, target: str, issues: Sequence[Issue]) -> None:
        self.target, self.issues = target, tuple(issues)
        lines = "".join(f"\n  - {issue}" for issue in self.issues)
        Exception.__init__(self, f"{target} cannot take this network:{lines}")


class DeviationError(SnntkError):
    """A step that promised to keep the network's function did not."""

    def __init__(self, step: str, promise: str, deviation: float, tolerance: float, before: Sequence[str]) -> None:
        ran = f" Steps that ran before it: {', '.join(before)}." if before else ""
        Exception.__init__(
            self,
            f"{step} says it preserves {promise}, but the output moved by {deviation:.2e} of its largest value "
            f"(allowed: {tolerance:.0e}).{ran} This is a defect of {step}; leave it out of the recipe and report it.",
        )


class PluginError(SnntkError):
    """A plugin that cannot be loaded or registered."""
