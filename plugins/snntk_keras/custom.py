"""What users say a class of their own stands for: the name of one of our ops, with numbers, or of a Keras layer."""

from __future__ import annotations

import ast
from dataclasses import fields
from inspect import isabstract, isclass

from snntk_core import ops
from snntk_core.errors import ShapeError, did_you_mean
from snntk_core.ops import ActivationOp, Dropout, Identity, Op
from snntk_keras.model import Unsupported

OPS: dict[str, type[Op]] = {
    name: kind
    for name, kind in vars(ops).items()
    if isclass(kind) and not isabstract(kind) and issubclass(kind, ActivationOp | Identity | Dropout)
    if all(item.default is not item.default_factory for item in fields(kind))
} | {"Identity": Identity, "Dropout": Dropout}
"""Ops that need no arrays."""


def named_op(text: str) -> Op:
    """Return the op that a text such as ``ClippedRelu(upper=2)`` names.  Raises `Unsupported` for another."""
    name, _, rest = text.partition("(")
    kind = OPS.get(name.strip())
    if kind is None:
        raise Unsupported(f"the option custom names {text!r}, which is no activation.{did_you_mean(name, OPS)}")
    try:
        options = _numbers(f"f({rest}" if rest else "f()")
        return kind(**options)
    except (ValueError, TypeError, SyntaxError, ShapeError) as error:
        known = ", ".join(item.name for item in fields(kind)) or "nothing"
        raise Unsupported(f"the option custom says {text!r}, but {name} takes {known}, each a number") from error


def _numbers(call: str) -> dict[str, float]:
    tree = ast.parse(call, mode="eval").body
    if not isinstance(tree, ast.Call) or tree.args:
        raise ValueError
    found = {str(item.arg): ast.literal_eval(item.value) for item in tree.keywords}
    if not all(isinstance(value, int | float) for value in found.values()):
        raise TypeError
    return found
