"""What a source becomes before it is translated: a configuration, and the arrays of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snntk_core.ops import Array

NAME_LENGTH = 250
Route = tuple[str, ...]
"""The names of a layer and of the models around it, outermost first."""


class Unsupported(Exception):
    """Why a layer cannot be converted, as the rest of a sentence about it."""


@dataclass(frozen=True, eq=False)
class Variables:
    """The arrays of one layer in the order of the file, and their names where the file gives them."""

    arrays: tuple[Array, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class KerasModel:
    """A model's configuration as JSON data, its arrays by layer, and where it came from.

    ``version``: the major version of Keras that wrote it.  ``sources``: the files, or the live model.
    """

    label: str
    config: Mapping[str, Any]
    variables: Mapping[Route, Variables] = field(default_factory=dict)
    version: int = 3
    backend: str = ""
    sources: tuple[Path, ...] = ()
    live: Any = None


def printable(name: object) -> str:
    """Return a name from a file as it may appear in a message."""
    clean = "".join(character if character.isprintable() else "?" for character in str(name))
    return (clean if len(clean) <= NAME_LENGTH else clean[:NAME_LENGTH] + "...").strip()
