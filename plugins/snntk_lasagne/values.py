"""What a name in a script can stand for while it is read: a library's member, or something nobody can know."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from snntk_lasagne.layers import GIVEN, Call, Initial, Nonlinearity, call_layer
from snntk_lasagne.nonlinearities import NUMBERS, named_nonlinearity
from snntk_lasagne.refusal import Refused

LARGEST = 1 << 40  # of a number that a script computes
LONGEST = 10_000  # of a list that a script joins


@dataclass(frozen=True)
class Member:
    """A member of a library by its dotted path, such as ``lasagne.layers.DenseLayer``."""

    path: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class Unknown:
    """A value that only running the script would give; harmless where no layer asks for it."""

    text: str
    of_layer: bool = False  # a parameter of a layer, such as layer.W


@dataclass(frozen=True, eq=False)
class Function:
    """A function of the script."""

    node: ast.FunctionDef


BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def binary(kind: type[ast.operator], left: Any, right: Any, text: str) -> Any:
    """Return the result of arithmetic on numbers and of joining lists; `Unknown` for the rest."""
    numbers = all(type(value) in (int, float) for value in (left, right))
    if kind is ast.Pow and numbers and abs(left) <= 1024 and 0 <= right <= 4:
        return left**right
    joined = kind is ast.Add and type(left) is type(right) and isinstance(left, list | tuple | str)
    if joined and len(left) + len(right) > LONGEST:
        raise Refused(f"{text} is absurdly long")
    if kind not in BINARY or not (numbers or joined):
        return Unknown(text)
    try:
        found = BINARY[kind](left, right)
    except (ArithmeticError, ValueError) as error:
        raise Refused(f"{text} cannot be computed") from error
    if numbers and not abs(found) <= LARGEST:
        raise Refused(f"{text} is absurdly large")
    return found


def called(member: Member, arguments: list[Any], named: Mapping[str, Any], place: str, text: str) -> Any:
    """Return what calling a member of a library gives: a layer, a nonlinearity, or something unknown."""
    parts = member.path.split(".")
    if parts[:2] == ["lasagne", "nonlinearities"]:
        number = next((value for value in (*arguments, *named.values()) if type(value) in (int, float)), None)
        return named_nonlinearity(member.name, place, number)
    calls = any(isinstance(item, Call) for value in (*arguments, *named.values()) for item in _items(value))
    builds = (calls or member.name.endswith("Layer")) and not member.name.startswith(("get_", "set_", "count_"))
    if parts[:2] != ["lasagne", "layers"] or not builds:
        return Unknown(text)
    plain = [_argument(value, place) for value in arguments]
    return call_layer(member.name, plain, {key: _argument(value, place, key) for key, value in named.items()}, place)


def _items(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _argument(value: Any, place: str, key: str = "") -> Any:
    """Return a layer's argument as layers are given them."""
    if key == "nonlinearity" and value is None:
        return Nonlinearity("linear")
    if key == "nonlinearity" and not isinstance(value, Member | Nonlinearity):
        text = value.text if isinstance(value, Unknown) else "a function of the script"
        raise Refused(f"the nonlinearity {text} is not one of Lasagne's", place)
    if isinstance(value, Member):
        if key == "nonlinearity" or (value.path.startswith("lasagne.nonlinearities.") and value.name in NUMBERS):
            return named_nonlinearity(value.name, place)
        return value.name if value.name in ("mean", "max") else GIVEN
    if isinstance(value, Unknown):
        return Initial(shared=value.of_layer)
    if isinstance(value, list | tuple):
        return tuple(_argument(item, place) for item in value)
    return value
