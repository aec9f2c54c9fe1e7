"""A component is a frozen dataclass; its fields are its options.

Recipe keys, command flags, ``--list-plugins`` and the reference page all come from the same fields.
"""

from __future__ import annotations

import sys
import types
from abc import ABC
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from importlib.util import find_spec
from math import isfinite
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

from snntk_core.errors import MissingLibrary, OptionError, did_you_mean, listed


def option(default: Any = MISSING, help: str = "") -> Any:
    """Declare a component's option with the sentence that explains it."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Option:
    """An option as people see it: name, type, default and what it does."""

    name: str
    type: str
    default: Any
    help: str


@dataclass(frozen=True)
class Component(ABC):
    """Anything a plugin offers.  Subclasses are final frozen dataclasses.

    ``name``: kebab-case, what recipes and the command say.  ``requires``: modules needed when it is used.  ``install``:
    what to run when they are missing.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """Return the options in order of their fields."""
        hints = _hints(cls)
        return tuple(
            Option(f.name, _spell(hints[f.name]), _default(f), f.metadata.get("help", "")) for f in fields(cls)
        )

    @classmethod
    def configure(cls, options: Mapping[str, object]) -> Self:
        """Return the component with ``options`` set.

        Raises `OptionError` naming every unknown option, with the nearest known one, and every value of a wrong type.
        """
        hints, problems, values = _hints(cls), [], {}
        known = [f.name for f in fields(cls)]
        for key, value in options.items():
            name = key.replace("-", "_")
            if name not in known:
                hint = did_you_mean(name, known)
                problems.append(f"{cls.name} has no option {key!r}.{hint} It takes: {listed(known)}.")
                continue
            try:
                values[name] = _convert(value, hints[name])
            except (TypeError, ValueError):
                problems.append(f"{cls.name}: {name} takes {_spell(hints[name])}, got {value!r}.")
        missing = [f.name for f in fields(cls) if f.default is MISSING and f.name not in values]
        problems += [f"{cls.name} needs the option {name!r}." for name in missing if name not in options]
        if problems:
            raise OptionError(problems)
        try:
            return cls(**values)
        except ValueError as error:
            raise OptionError([f"{cls.name}: {error}"]) from error

    @classmethod
    def missing(cls) -> tuple[str, ...]:
        """Return the required modules that are not installed, without importing any."""
        return tuple(module for module in cls.requires if not _installed(module))

    @classmethod
    def require(cls) -> None:
        """Raise `MissingLibrary` with the command to run when a required module is not installed."""
        missing = cls.missing()
        if missing:
            raise MissingLibrary(cls.name, missing, cls.install or f"pip install {' '.join(missing)}")

    @classmethod
    def summary(cls) -> str:
        """Return the first sentence of the docstring."""
        lines = (cls.__doc__ or "").strip().splitlines()
        return lines[0] if lines else ""


def _default(item: Field[Any]) -> Any:
    return None if item.default is MISSING else item.default


def _installed(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None  # Python's way to say that it must not be imported
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _hints(cls: type[Component]) -> dict[str, Any]:
    return get_type_hints(cls)


def _spell(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(repr(value) for value in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(_spell(part) for part in arguments)
    if origin is tuple:
        return f"list of {_spell(arguments[0])}"
    if origin is Mapping:
        return f"table of {_spell(arguments[0])} to {_spell(arguments[1])}"
    return "nothing" if hint is type(None) else getattr(hint, "__name__", str(hint))


def _convert(value: object, hint: Any) -> object:
    """Return ``value`` as ``hint``, strictly: no number from a string, no truth from a number."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        for part in arguments:
            try:
                return _convert(value, part)
            except (TypeError, ValueError):
                continue
        raise TypeError
    if origin is Literal:
        if value not in arguments:
            raise ValueError
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError
        return tuple(_convert(item, arguments[0]) for item in value)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise TypeError
        return {_convert(key, arguments[0]): _convert(item, arguments[1]) for key, item in value.items()}
    if hint is type(None):
        if value is not None:
            raise TypeError
        return None
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (bool, int, float, str):
        if type(value) is not hint or (isinstance(value, float) and not isfinite(value)):
            raise TypeError
        return value
    if isinstance(value, get_origin(hint) or hint):
        return value
    raise TypeError
