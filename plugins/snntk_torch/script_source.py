"""The code of a TorchScript archive: classes and functions by their qualified names, as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snntk_core import ParseError
from snntk_torch.archive import Archive
from snntk_torch.refusal import first_line, printable

CODE_BYTES = 16 << 20


@dataclass(eq=False)
class ScriptSource:
    """Definitions are parsed when they are first asked for."""

    archive: Archive
    modules: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def definition(self, name: str) -> ast.ClassDef | ast.FunctionDef:
        """Return the class or function called ``name``.  Raises `ParseError` where there is none."""
        module, _, short = name.rpartition(".")
        found = self._module(module).get(short)
        if not isinstance(found, ast.ClassDef | ast.FunctionDef):
            raise ParseError(self.archive.label, f"its code has no {printable(name)!r}; save it again.")
        return found

    def _module(self, name: str) -> Mapping[str, Any]:
        if name not in self.modules:
            member = f"code/{name.replace('.', '/')}.py"
            content = self.archive.read(member)
            if len(content) > CODE_BYTES:
                raise ParseError(self.archive.label, f"its code {printable(member)!r} is longer than 16 MiB.")
            try:
                tree = ast.parse(content)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                problem = f"its code {printable(member)!r} is not TorchScript ({first_line(error)}); save it again."
                raise ParseError(self.archive.label, problem) from error
            self.modules[name] = {item.name: item for item in tree.body if isinstance(item, DEFINITIONS)}
        return self.modules[name]

    def method(self, kind: str, name: str) -> ast.FunctionDef | None:
        """Return a method of a class, or None."""
        found = [item for item in self.definition(kind).body if isinstance(item, ast.FunctionDef) and item.name == name]
        return found[0] if found else None

    def constant(self, kind: str, name: str) -> ast.expr | None:
        """Return the value of a class's constant as an expression, or None."""
        for item in self.definition(kind).body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.target.id == name:
                return item.value
        return None


DEFINITIONS = (ast.ClassDef, ast.FunctionDef)
