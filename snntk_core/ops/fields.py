"""Values of fields from plain data, such as a saved file, checked against the annotations of the fields."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields
from math import isfinite
from reprlib import repr as shortened
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from snntk_core.errors import did_you_mean

LARGEST = 1 << 32  # the largest whole number a field holds
PLAIN = {
    int: "a whole number of at most 32 bits",
    float: "a finite number",
    bool: "true or false",
    str: "a text",
    type(None): "nothing",
}


def field_types(kind: type) -> dict[str, Any]:
    """Return the annotation of every field of a dataclass; `Any` where a plugin's cannot be resolved."""
    hints: Mapping[str, Any] = {}
    with suppress(NameError, AttributeError, TypeError):
        hints = get_type_hints(kind)
    return {item.name: hints.get(item.name, Any) for item in fields(kind)}


def with_default(kind: type) -> tuple[str, ...]:
    """Return the fields of a dataclass that need not be given."""
    return tuple(f.name for f in fields(kind) if f.default is not MISSING or f.default_factory is not MISSING)


def checked(entry: Mapping[str, object], kinds: Mapping[str, Any], optional: Collection[str] = ()) -> dict[str, Any]:
    """Return the values of ``entry`` as the types in ``kinds``: no number from a text, no truth from a number.

    Raises `ValueError` that says everything that is unknown, missing or of another type.
    """
    values, problems = {}, []
    for name, value in entry.items():
        if name not in kinds:
            problems.append(f"{shortened(name)} is not known.{did_you_mean(name, kinds)}")
            continue
        try:
            values[name] = _converted(value, kinds[name])
        except TypeError:
            problems.append(f"{name} must be {_spelled(kinds[name])}, got {shortened(value)}.")
    problems += [f"{name} is missing." for name in kinds if name not in entry and name not in optional]
    if problems:
        raise ValueError(" ".join(problems))
    return values


def _converted(value: object, kind: Any) -> object:
    """Return ``value`` as ``kind``; raises `TypeError` where it is another."""
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(value, np.generic):
        value = value.item()
    if origin in (Union, types.UnionType):
        for part in arguments:
            with suppress(TypeError):
                return _converted(value, part)
    elif origin is tuple and isinstance(value, list | tuple):
        parts = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(parts) == len(value):
            return tuple(map(_converted, value, parts))
    elif origin is Mapping and isinstance(value, Mapping):
        return {_converted(key, arguments[0]): _converted(item, arguments[1]) for key, item in value.items()}
    elif origin is Literal:
        if value in arguments:
            return value
    elif kind is Any or (origin is np.ndarray and isinstance(value, np.ndarray)):
        return value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, kind)
    elif kind in PLAIN and type(value) is kind:
        return value
    raise TypeError


def _number(value: float, kind: Any) -> float:
    if isinstance(value, int) and kind in (int, float) and abs(value) <= LARGEST:
        return kind(value)  # type: ignore[no-any-return]
    if isinstance(value, float) and kind is float and isfinite(value):
        return value
    raise TypeError


def _spelled(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(map(_spelled, arguments))
    if origin is tuple:
        several = arguments[-1] is ...
        return f"a list, each {_spelled(arguments[0])}" if several else f"a pair, each {_spelled(arguments[0])}"
    if origin is Mapping:
        return f"a table, each {_spelled(arguments[1])}"
    return PLAIN.get(kind, "an array of numbers" if origin is np.ndarray else "a value")
