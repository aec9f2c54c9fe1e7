"""Files and functions stay small enough to be read in one go."""

from __future__ import annotations

import ast
from statistics import median, quantiles

FILE, FUNCTION, MEDIAN, USUAL = 250, 60, 8, 25


def length(function: ast.FunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    doc = function.body[0] if ast.get_docstring(function) else None
    return function.end_lineno - function.lineno + 1 - (doc.end_lineno - doc.lineno + 1 if doc else 0)


def functions(sources) -> dict[str, int]:
    found = {}
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef):
                found[f"{source.path}:{node.lineno} {node.name}"] = length(node)
    return found


def test_sources_are_found(sources):
    assert {"snntk_core", "snntk", "snntk_numpy", "snntk_onnx"} <= {source.package for source in sources}


def test_files_are_at_most_250_lines(sources):
    lines = {source.path: len(source.text.splitlines()) for source in sources}
    assert {path: count for path, count in lines.items() if count > FILE} == {}


def test_functions_are_at_most_60_lines(sources):
    assert {name: count for name, count in functions(sources).items() if count > FUNCTION} == {}


def test_functions_are_usually_short(sources):
    lengths = list(functions(sources).values())
    assert median(lengths) <= MEDIAN
    assert quantiles(lengths, n=10)[-1] <= USUAL
