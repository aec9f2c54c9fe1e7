"""TorchScript, followed statement by statement with shapes and constants: it is read, not run.

Branches on what is known (modes, options, ranks) are taken, loops over known counts are written out, and every call of
an operator goes to the engine.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snntk_torch.engine import Engine, Slot
from snntk_torch.naming import stem_of
from snntk_torch.pickled import ScriptObject
from snntk_torch.refusal import Unsupported, printable
from snntk_torch.script_source import ScriptSource
from snntk_torch.script_terms import BUILTINS, COMPARISONS, Qualified, operator_of
from snntk_torch.translation import Poison, Tensor

STEPS = 1 << 18
DEPTH = 60
PASS = object()  # what a block gives that does not return


@dataclass(eq=False)
class Interpreter:
    """Follows the methods of one model."""

    engine: Engine
    source: ScriptSource
    constants: Sequence[Any]
    owners: list[ScriptObject] = field(default_factory=list)
    shared: dict[tuple[int, str], Any] = field(default_factory=dict)  # slots of the modules' arrays
    steps: int = 0
    place: str = ""  # where it had to stop

    def call(self, owner: ScriptObject, method: str, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """Follow a method and return what it returns."""
        found = self.source.method(owner.kind, method)
        if found is None:
            raise Unsupported(f"the class {printable(owner.kind)} has no method {printable(method)!r}")
        self.owners.append(owner)
        try:
            return self._function(found, [owner, *arguments], keywords)
        except Unsupported:
            self.place = self.place or repr(printable(owner.path or owner.kind))
            raise
        finally:
            self.owners.pop()

    def _function(self, function: ast.FunctionDef, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        names = [argument.arg for argument in function.args.args]
        defaults = dict(zip(reversed(names), reversed(function.args.defaults), strict=False))
        scope = dict(zip(names, arguments, strict=False)) | keywords
        for name in names:
            if name not in scope:
                if name not in defaults:
                    raise Unsupported(f"{printable(function.name)} needs the argument {printable(name)!r}")
                scope[name] = self.value(defaults[name], {})
        if len(self.owners) > DEPTH:
            raise Unsupported("its methods call each other too deeply")
        result = self._block(function.body, scope)
        return None if result is PASS else result

    def _block(self, body: Sequence[ast.stmt], scope: dict[str, Any]) -> Any:
        for statement in body:
            self.steps += 1
            if self.steps > STEPS:
                raise Unsupported("it takes too many steps")
            result = self._statement(statement, scope)
            if result is not PASS:
                return result
        return PASS

    def _statement(self, statement: ast.stmt, scope: dict[str, Any]) -> Any:
        match statement:
            case ast.Return():
                return None if statement.value is None else self.value(statement.value, scope)
            case ast.Assign(targets=[target]):
                self._assign(target, self.value(statement.value, scope), scope)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._assign(target, self.value(value, scope), scope)
            case ast.If():
                chosen = statement.body if self._known(statement.test, scope) else statement.orelse
                return self._block(chosen, scope)
            case ast.For(iter=ast.Call(func=ast.Name(id="range"), args=[count])):
                return self._loop(statement, self.value(count, scope), scope)
            case ast.Expr():
                self.value(statement.value, scope)
            case ast.Pass():
                pass
            case _:
                raise Unsupported(f"the statement {type(statement).__name__} is not supported")
        return PASS

    def _loop(self, statement: ast.For, count: Any, scope: dict[str, Any]) -> Any:
        if type(count) is not int:
            raise Unsupported("it loops for a count that is computed while the network runs")
        for index in range(min(count, STEPS)):
            self._assign(statement.target, index, scope)
            result = self._block(statement.body, scope)
            if result is not PASS:
                return result
        return PASS

    def _known(self, test: ast.expr, scope: dict[str, Any]) -> bool:
        value = self.value(test, scope)
        if isinstance(value, Slot):
            if isinstance(value.value, Tensor | Poison):
                raise Unsupported("it branches on a computed value; only networks without such branches convert")
            value = value.value
        return bool(value)

    def _assign(self, target: ast.expr, value: Any, scope: dict[str, Any]) -> None:
        if isinstance(target, ast.Name):
            scope[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            poisoned = isinstance(value, Slot) and isinstance(value.value, Poison)
            parts = [value] * len(target.elts) if poisoned else value
            if not isinstance(parts, list | tuple) or len(parts) != len(target.elts):
                raise Unsupported("it takes something apart that has other parts")
            for item, part in zip(target.elts, parts, strict=True):
                self._assign(item, part, scope)
        else:
            raise Unsupported("it changes an attribute or an element; a network keeps no state")

    def value(self, node: ast.expr, scope: dict[str, Any]) -> Any:
        """Return the value of an expression."""
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self._name(node.id, scope)
            case ast.Attribute():
                return self._attribute(self.value(node.value, scope), node.attr)
            case ast.List() | ast.Tuple():
                return [self.value(item, scope) for item in node.elts]
            case ast.Call():
                return self._call(node, scope)
            case ast.IfExp():
                return self.value(node.body if self._known(node.test, scope) else node.orelse, scope)
            case ast.UnaryOp(op=ast.USub()):
                return self._operator("neg", [self.value(node.operand, scope)], {})
            case ast.UnaryOp(op=ast.Not()):
                return not self._known(node.operand, scope)
            case ast.BoolOp():
                found = (self._known(item, scope) for item in node.values)
                return all(found) if isinstance(node.op, ast.And) else any(found)
            case ast.Compare(ops=[comparison], comparators=[right]) if type(comparison) in COMPARISONS:
                operands = [self.value(node.left, scope), self.value(right, scope)]
                return self._operator(COMPARISONS[type(comparison)], operands, {})
            case ast.BinOp():
                operands = [self.value(node.left, scope), self.value(node.right, scope)]
                return self._operator(operator_of(node.op), operands, {})
            case ast.Subscript():
                operands = [self.value(node.value, scope), self.value(node.slice, scope)]
                return self._operator("__getitem__", operands, {})
        raise Unsupported(f"the expression {type(node).__name__} is not supported")

    def _name(self, name: str, scope: dict[str, Any]) -> Any:
        if name in scope:
            return scope[name]
        return BUILTINS[name] if name in BUILTINS else Qualified(name)

    def _attribute(self, owner: Any, name: str) -> Any:
        if isinstance(owner, Qualified):
            if owner.name == "CONSTANTS":
                return self.constants[int(name[1:])]
            return Qualified(f"{owner.name}.{name}")
        if not isinstance(owner, ScriptObject):
            raise Unsupported(f"it asks for the attribute {printable(name)!r} of what has none")
        if name in owner.attributes:
            return self._stored(owner, name)
        constant = self.source.constant(owner.kind, name)
        if constant is None:
            raise Unsupported(f"{printable(owner.kind)} has no attribute {printable(name)!r}")
        return self.value(constant, {})

    def _stored(self, owner: ScriptObject, name: str) -> Any:
        found = owner.attributes[name]
        if not isinstance(found, np.ndarray):
            return found
        key = (id(owner), name)
        if key not in self.shared:
            self.shared[key] = self.engine.wrapped(found)
        return self.shared[key]

    def _call(self, node: ast.Call, scope: dict[str, Any]) -> Any:
        function = node.func
        if isinstance(function, ast.Name) and function.id in ("annotate", "unchecked_cast", "uninitialized"):
            return self.value(node.args[1], scope) if len(node.args) > 1 else None
        keywords = {item.arg: self.value(item.value, scope) for item in node.keywords if item.arg}
        arguments = [self.value(item, scope) for item in node.args]
        if isinstance(function, ast.Attribute):
            owner = self.value(function.value, scope)
            if isinstance(owner, ScriptObject):
                return self.call(owner, function.attr, arguments, keywords)
            target = self._attribute(owner, function.attr)
        else:
            target = self.value(function, scope)
        if not isinstance(target, Qualified):
            raise Unsupported("it calls what is no function")
        return self._qualified(target.name, arguments, keywords)

    def _qualified(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        if name == "getattr":
            return self._attribute(*arguments)
        if name.startswith("__torch__."):
            definition = self.source.definition(name)
            if isinstance(definition, ast.FunctionDef):
                return self._function(definition, arguments, keywords)
            raise Unsupported(f"it makes an object of the class {printable(name)}")
        root, _, short = name.rpartition(".")
        if short == "RaiseException":
            raise Unsupported(f"it stops with the error {printable(arguments[0])!r}")
        if short == "append" and isinstance(arguments[0], list):
            arguments[0].append(arguments[1])
            return arguments[0]
        if root in ("torch", "ops.aten", "ops.prim", ""):
            return self._operator(short, arguments, keywords)
        return self._operator(name, arguments, keywords)

    def _operator(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        owner = self.owners[-1]
        return self.engine.apply(name, arguments, keywords, stem_of(owner.path, owner.kind, name))
