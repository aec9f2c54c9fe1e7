"""An architecture read from a script without running it: the calls of ``lasagne.layers`` in ``build_network()``.

A small interpreter of the syntax tree follows assignments, numbers, shapes, dicts, loops over known values and the
script's own functions.  Nothing of the script, of Lasagne or of Theano is executed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from snntk_core.errors import did_you_mean
from snntk_lasagne.expressions import Names, Scope, place_of, value_of
from snntk_lasagne.layers import Call
from snntk_lasagne.refusal import CHANGE, NAME, TRUST, Refused, printable
from snntk_lasagne.values import Function, Member, Unknown, binary

STEPS = 20_000  # statements and calls that are followed
DEPTH = 16  # of functions that call each other
CHARACTERS = 1 << 20


@dataclass(frozen=True, eq=False)
class Returned:
    """What a function gives back."""

    value: Any


@dataclass(eq=False)
class Reader:
    """Follows the statements of one script."""

    module: Names = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)  # libraries of which everything was imported
    steps: int = 0
    depth: int = 0

    def value(self, node: ast.expr, names: Names) -> Any:
        """Return what an expression stands for."""
        return value_of(node, Scope(names, self.module, self.stars, self.call))

    def follow(self, body: Iterable[ast.stmt], names: Names) -> Returned | None:
        """Follow statements, writing ``names``; return what they return."""
        for statement in body:
            self.steps += 1
            if self.steps > STEPS:
                raise Refused(f"the script goes on after {STEPS} steps", place_of(statement))
            found = self._statement(statement, names)
            if found is not None:
                return found
        return None

    def _statement(self, node: ast.stmt, names: Names) -> Returned | None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node, names)
            case ast.FunctionDef():
                names[node.name] = Function(node)
            case ast.Assign():
                value = self.value(node.value, names)
                for target in node.targets:
                    self._assign(target, value, names)
            case ast.AnnAssign(value=ast.expr() as given):
                self._assign(node.target, self.value(given, names), names)
            case ast.AugAssign(target=ast.Name(id=name)):
                left, right = names.get(name, Unknown(name)), self.value(node.value, names)
                names[name] = binary(type(node.op), left, right, printable(ast.unparse(node)))
            case ast.Expr():
                self.value(node.value, names)
            case ast.Return():
                return Returned(None if node.value is None else self.value(node.value, names))
            case ast.For():
                return self._loop(node, names)
            case ast.If():
                return self._choice(node, names)
            case ast.Pass() | ast.Assert() | ast.ClassDef() | ast.AnnAssign() | ast.Global():
                pass
            case _:
                if names is not self.module:
                    raise Refused(f"{type(node).__name__.lower()} statements are not read", place_of(node))
        return None

    def _import(self, node: ast.Import | ast.ImportFrom, names: Names) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = Member(alias.name if alias.asname else top)
            elif alias.name == "*":
                self.stars.append(node.module or "")
            else:
                names[alias.asname or alias.name] = Member(f"{node.module}.{alias.name}")

    def _assign(self, target: ast.expr, value: Any, names: Names) -> None:
        match target:
            case ast.Name():
                names[target.id] = value
            case ast.Tuple() | ast.List():
                known = isinstance(value, list | tuple) and len(value) == len(target.elts)
                for index, inner in enumerate(target.elts):
                    self._assign(inner, value[index] if known else Unknown(ast.unparse(target)), names)
            case ast.Subscript():
                holder, key = self.value(target.value, names), self.value(target.slice, names)
                if isinstance(holder, dict) and isinstance(key, str | int):
                    holder[key] = value
                elif not isinstance(holder, Member | Unknown):
                    raise Refused(f"setting {printable(ast.unparse(target))} cannot be followed", place_of(target))
            case ast.Attribute():
                if isinstance(self.value(target.value, names), Call):
                    raise Refused(f"setting {printable(ast.unparse(target))} cannot be followed", place_of(target))

    def _loop(self, node: ast.For, names: Names) -> Returned | None:
        values = self.value(node.iter, names)
        if not isinstance(values, list | tuple | dict):
            if names is self.module:
                return None
            raise Refused(f"a loop over {printable(ast.unparse(node.iter))} cannot be followed", place_of(node))
        for value in list(values):
            self._assign(node.target, value, names)
            found = self.follow(node.body, names)
            if found is not None:
                return found
        return None

    def _choice(self, node: ast.If, names: Names) -> Returned | None:
        test = self.value(node.test, names)
        if isinstance(test, Unknown | Member | Function | Call):
            if names is self.module:  # if __name__ == "__main__"
                return None
            raise Refused(f"it depends on {printable(ast.unparse(node.test))}, which is not known", place_of(node))
        return self.follow(node.body if test else node.orelse, names)

    def call(self, function: Function, arguments: list[Any], named: Names, place: str) -> Any:
        """Return what a function of the script returns."""
        spec = function.node.args
        parameters = [item.arg for item in (*spec.posonlyargs, *spec.args)]
        if len(arguments) > len(parameters) or self.depth >= DEPTH:
            raise Refused(f"the call of {function.node.name} cannot be followed", place)
        names: Names = {item: Unknown(item) for item in (*parameters, *(item.arg for item in spec.kwonlyargs))}
        given = [*zip(parameters[len(parameters) - len(spec.defaults) :], spec.defaults, strict=True)]
        given += [(item.arg, node) for item, node in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if node]
        names |= {name: self.value(node, self.module) for name, node in given}
        names |= dict(zip(parameters, arguments, strict=False)) | named
        self.depth += 1
        found = self.follow(function.node.body, names)
        self.depth -= 1
        return None if found is None else found.value


def read_script(text: str, function: str) -> Call:
    """Return the output layer that ``function`` of a script builds.  Raises `Refused` naming the line."""
    if len(text) > CHARACTERS:
        raise Refused(f"the script has {len(text)} characters, which is too long")
    reader = Reader()
    try:
        reader.follow(ast.parse(text).body, reader.module)
        built = reader.module.get(function)
        if not isinstance(built, Function):
            functions = [name for name, value in reader.module.items() if isinstance(value, Function)]
            hint = did_you_mean(function, functions)
            known, remedy = ", ".join(sorted(functions)) or "none", TRUST if built or not functions else NAME
            raise Refused(f"it has no function {function}.{hint} Functions: {known}", remedy=remedy)
        return output_of(reader.call(built, [], {}, function), function)
    except SyntaxError as error:
        raise Refused(f"it is not Python ({printable(error.msg)})", f"line {error.lineno}", CHANGE) from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise Refused("the script is nested too deeply or damaged") from error


def output_of(result: Any, function: str) -> Call:
    """Return the output layer of what a function gave: a layer, {"model": layer}, or a tuple that begins with one."""
    if isinstance(result, dict):
        result = result.get("model", result.get("output"))
    if isinstance(result, list | tuple) and result:
        result = result[0]
    if not isinstance(result, Call):
        raise Refused(f'{function} returns no layer; return the last one, or {{"model": layer}}')
    return result
