"""An architecture as a TOML file: layers by kind, one after the other unless they say what they read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from snntk_core.errors import did_you_mean
from snntk_lasagne.layers import ALIASES, SIGNATURES, Call, Nonlinearity, call_layer
from snntk_lasagne.nonlinearities import named_nonlinearity
from snntk_lasagne.refusal import Refused, printable

PARAMETER_FLAGS = ("b", "beta", "gamma")


def read_specification(text: str) -> Call:
    """Return the last layer of a TOML specification.  Raises `Refused` naming the entry that is wrong."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Refused(f"it is not TOML ({printable(error)})") from error
    entries = table.get("layer")
    if set(table) != {"layer"} or not isinstance(entries, list) or not entries:
        found = ", ".join(printable(key) for key in table) or "nothing"
        raise Refused(f"a specification holds [[layer]] entries and nothing else, this one has {found}")
    named: dict[str, Call] = {}
    last: Call | None = None
    for number, entry in enumerate(entries, 1):
        place = f"layer {number}"
        if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
            raise Refused('an entry needs a kind, such as kind = "Dense"', place)
        last = _layer(entry, last, named, f"{place} ({printable(entry.get('name', entry['kind']))})")
        if isinstance(entry.get("name"), str):
            named[entry["name"]] = last
    assert last is not None
    return last


def _layer(entry: Mapping[str, Any], last: Call | None, named: Mapping[str, Call], place: str) -> Call:
    kind = entry["kind"]
    kind = kind if kind in SIGNATURES or kind in ALIASES else f"{kind}Layer"
    options = {key: _value(key, value, place) for key, value in entry.items() if key not in ("kind", "reads")}
    if kind == "InputLayer":
        shape = options.get("shape")
        options["shape"] = (None, *shape) if isinstance(shape, tuple) else shape
        return call_layer(kind, (), options, place)
    return call_layer(kind, [_sources(entry.get("reads"), last, named, place)], options, place)


def _sources(reads: Any, last: Call | None, named: Mapping[str, Call], place: str) -> list[Call]:
    if reads is None and last is None:
        raise Refused('the first layer is an Input with a shape, such as kind = "Input", shape = [1, 28, 28]', place)
    if reads is None:
        assert last is not None
        return [last]
    names = [reads] if isinstance(reads, str) else reads
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refused("reads takes the name of a layer above, or a list of names", place)
    missing = [name for name in names if name not in named]
    if missing:
        hint = did_you_mean(missing[0], named)
        raise Refused(f"it reads {printable(missing[0])!r}, which is no layer above it.{hint}", place)
    return [named[name] for name in names]


def _value(key: str, value: Any, place: str) -> Any:
    if key == "nonlinearity":
        if isinstance(value, str):
            return named_nonlinearity(value, place)
        if isinstance(value, dict) and isinstance(value.get("name"), str) and set(value) <= {"name", "number"}:
            plain = named_nonlinearity(value["name"], place)
            number = value.get("number")
            return Nonlinearity(plain.name, float(number) if isinstance(number, int | float) else plain.number)
        raise Refused('a nonlinearity is a name, or { name = "leaky_rectify", number = 0.2 }', place)
    if key in PARAMETER_FLAGS:
        if value is not False:
            raise Refused(f"{key} takes false, for a layer without it", place)
        return None
    return tuple(value) if isinstance(value, list) else value
