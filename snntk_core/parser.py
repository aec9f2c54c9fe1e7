"""The parser contract: reading the models of one library."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, ParamSpec, TypeVar

from snntk_core.component import Component
from snntk_core.errors import ParseError, SnntkError, said
from snntk_core.failed_import import failed_import
from snntk_core.graph import Graph
from snntk_core.ops import Array

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Redirect:
    """``load`` returns it to say: let the parser called ``parser`` read ``source`` instead."""

    parser: str
    source: object


@dataclass(frozen=True)
class Parser(Component):
    """Reads the models of one library into a `Graph`.

    ``reads`` says which, for people.  ``examples``: functions that each build a small source, for the compliance kit.
    An option called ``trust`` lets code that is part of a model run; it comes from ``--trust``, never from a recipe.
    """

    reads: ClassVar[str] = ""
    examples: ClassVar[tuple[Callable[[], object], ...]] = ()

    @abstractmethod
    def accepts(self, source: object) -> bool:
        """Whether ``source`` (a path, a tuple of paths, or a live model) is for this parser.

        Cheap: it must not import the library, and it never raises.
        """

    @abstractmethod
    def load(self, source: object) -> Any:
        """Return the library's own model object, or a `Redirect`.  Raises `ParseError` for a file that is not one."""

    @abstractmethod
    def parse(self, model: Any) -> Graph:
        """Return the model as a graph, one to one: no simplification, no folding.

        A channels-first library ends with ``return channels_last(graph)``.  Raises `ParseError` naming the layer, the
        reason and a way out.
        """

    @abstractmethod
    def predict(self, model: Any, batch: Array) -> Array:
        """Return the library's own output for a batch in the model's own layout: the ground truth.

        Raises `MissingLibrary` or `PredictionUnavailable` where the library cannot be asked; a run then notes it.
        """


def guarded(parser: Parser, method: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Return what a method of ``parser`` returns.

    What snntk raises passes as it is.  Anything else becomes a `ParseError` that names the parser: a fault of a
    stranger's parser, or of the library it asks, is one sentence to people and a traceback under ``--debug``.
    """
    try:
        return method(*arguments, **named)
    except SnntkError:
        raise
    except Exception as error:
        if broken := failed_import(error):
            raise SnntkError(f"The parser {parser.name} needs a library: {broken}") from error
        problem = f"{method.__name__}() failed: {said(error).rstrip('.')}."
        remedy = "The model is damaged, or this is a defect of the parser or its library; --debug shows where."
        raise ParseError(f"the parser {parser.name}", problem, remedy=remedy) from error
