"""What an expression of a script stands for, as far as it can be known without running anything."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from snntk_lasagne.layers import ALIASES, Call
from snntk_lasagne.nonlinearities import NUMBERS
from snntk_lasagne.refusal import Refused, printable
from snntk_lasagne.values import Function, Member, Unknown, binary, called

Names = dict[str, Any]
BUILT_IN = ("range", "len", "int", "float", "list", "tuple", "dict", "OrderedDict", "str", "enumerate")
LONGEST = 10_000  # of a range


@dataclass(frozen=True, eq=False)
class Scope:
    """The names that an expression sees, and how to call a function of the script."""

    names: Names
    module: Names
    stars: list[str]
    call: Callable[[Function, list[Any], Names, str], Any]


def place_of(node: ast.AST) -> str:
    """Return where a node of the syntax tree stands."""
    return f"line {getattr(node, 'lineno', 0)}"


def value_of(node: ast.expr, scope: Scope) -> Any:
    """Return what an expression stands for."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return _named(node.id, scope)
        case ast.Tuple() | ast.List():
            values = [value_of(item, scope) for item in node.elts]
            return values if isinstance(node, ast.List) else tuple(values)
        case ast.Dict():
            pairs = [(key, item) for key, item in zip(node.keys, node.values, strict=True) if key is not None]
            found = [(value_of(key, scope), value_of(item, scope)) for key, item in pairs]
            return {key: item for key, item in found if isinstance(key, str | int)}
        case ast.Attribute():
            return _attribute(node, scope)
        case ast.Subscript():
            return _item(node, scope)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = value_of(operand, scope)
            return -value if type(value) in (int, float) else Unknown(_text(node))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            value = value_of(operand, scope)
            return not value if isinstance(value, bool | int | float | str | None) else Unknown(_text(node))
        case ast.BinOp():
            return binary(type(node.op), value_of(node.left, scope), value_of(node.right, scope), _text(node))
        case ast.Call():
            return _call(node, scope)
    return Unknown(_text(node))


def _text(node: ast.AST) -> str:
    return printable(ast.unparse(node))


def _named(name: str, scope: Scope) -> Any:
    for table in (scope.names, scope.module):
        if name in table:
            return table[name]
    if name in NUMBERS and "lasagne.nonlinearities" in scope.stars:
        return Member(f"lasagne.nonlinearities.{name}")
    layers = [star for star in scope.stars if star.startswith("lasagne.layers")]
    if layers and (name in ALIASES or name.endswith("Layer") or name.startswith("batch_norm")):
        return Member(f"{layers[0]}.{name}")
    return Member(name)


def _attribute(node: ast.Attribute, scope: Scope) -> Any:
    holder = value_of(node.value, scope)
    if isinstance(holder, Member):
        return Member(f"{holder.path}.{node.attr}")
    return Unknown(_text(node), of_layer=isinstance(holder, Call))


def _item(node: ast.Subscript, scope: Scope) -> Any:
    holder, key = value_of(node.value, scope), value_of(node.slice, scope)
    if isinstance(holder, dict | list | tuple) and isinstance(key, str | int):
        try:
            return holder[key]  # type: ignore[call-overload, index]
        except (KeyError, IndexError, TypeError) as error:
            raise Refused(f"there is no {_text(node)}", place_of(node)) from error
    return Unknown(_text(node))


def _call(node: ast.Call, scope: Scope) -> Any:
    function = value_of(node.func, scope)
    if any(isinstance(item, ast.Starred) for item in node.args) or any(item.arg is None for item in node.keywords):
        return Unknown(_text(node))
    arguments = [value_of(item, scope) for item in node.args]
    named = {str(item.arg): value_of(item.value, scope) for item in node.keywords}
    if isinstance(function, Function):
        return scope.call(function, arguments, named, place_of(node))
    if isinstance(function, Member) and function.name in BUILT_IN:
        return _built_in(function.name, arguments, named, _text(node))
    if isinstance(function, Member):
        return called(function, arguments, named, place_of(node), _text(node))
    if isinstance(node.func, ast.Attribute) and node.func.attr == "append" and len(arguments) == 1:
        holder = value_of(node.func.value, scope)
        if isinstance(holder, list):
            holder.append(arguments[0])
    return Unknown(_text(node))


def _built_in(name: str, arguments: list[Any], named: Names, text: str) -> Any:
    if name == "range":
        whole = 1 <= len(arguments) <= 3 and all(type(value) is int for value in arguments)
        found = range(*arguments) if whole and 0 not in arguments[2:] else range(0)
        return list(found) if whole and len(found) <= LONGEST else Unknown(text)
    if name in ("dict", "OrderedDict") and not arguments:
        return dict(named)
    if len(arguments) != 1:
        return Unknown(text)
    (value,) = arguments
    if name in ("int", "float") and type(value) in (int, float):
        return int(value) if name == "int" else float(value)
    if isinstance(value, list | tuple):
        results = {"len": len(value), "list": list(value), "tuple": tuple(value), "enumerate": list(enumerate(value))}
        return results.get(name, Unknown(text))
    return str(value) if name == "str" and type(value) is int else Unknown(text)
