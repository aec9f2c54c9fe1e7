"""Components that break what every component promises, one way each; with the check that must catch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sound_components as sound
from sound_components import mutant

from snntk_core import (
    option,
)


def of_path() -> Any:
    return mutant(sound.LayerList, rectify=option(Path("here"), "where"), __annotations__={"rectify": "Path"})


def child_of_concrete() -> Any:
    @dataclass(frozen=True)
    class Child(sound.LayerList):
        """Reads more."""

    return Child


def lenient() -> Any:
    return mutant(sound.LayerList, configure=classmethod(lambda cls, options: cls()))


def not_frozen() -> Any:
    return SimpleMutable


class SimpleMutable(sound.LayerList.__bases__[0]):
    """Reads nothing."""

    name = "mutable"
    accepts = load = parse = predict = lambda self, *_: None


FAULTS: list[tuple[str, Callable[[], Any]]] = [
    ("check_documented", lambda: mutant(sound.LayerList, __doc__=None)),
    ("check_documented", lambda: mutant(sound.LayerList, __doc__="lists of layers")),
    ("check_documented", lambda: mutant(sound.LayerList, rectify=True)),
    ("check_frozen", not_frozen),
    ("check_kebab_case_name", lambda: mutant(sound.LayerList, name="LayerList")),
    ("check_options_survive_toml", of_path),
    ("check_refuses_unknown_options", lenient),
    ("check_abstract_or_final", child_of_concrete),
]
