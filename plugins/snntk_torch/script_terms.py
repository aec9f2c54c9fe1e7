"""Terms of TorchScript's code: names that are no variables, constants, and operators written between operands."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from snntk_torch.refusal import Unsupported


@dataclass(frozen=True)
class Qualified:
    """A name outside the function: an operator, a function, a class."""

    name: str


BUILTINS = {"inf": float("inf"), "nan": float("nan"), "True": True, "False": False, "None": None}

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Is: "__is__",
    ast.IsNot: "__isnot__",
    ast.In: "__contains__",
}

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "remainder",
    ast.MatMult: "matmul",
}


def operator_of(node: ast.operator) -> str:
    """Return the name of a binary operator."""
    if type(node) not in OPERATORS:
        raise Unsupported(f"the operator {type(node).__name__} is not supported")
    return OPERATORS[type(node)]
