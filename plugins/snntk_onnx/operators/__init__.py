"""From ONNX operators to ops: one builder function for each, by operator type."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from snntk_onnx.operators.activation import ACTIVATIONS
from snntk_onnx.operators.arithmetic import ARITHMETIC
from snntk_onnx.operators.linear import LINEAR
from snntk_onnx.operators.pooling import POOLING
from snntk_onnx.operators.quantization import ON_CODES, QUANTIZATION
from snntk_onnx.operators.resizing import RESIZING
from snntk_onnx.operators.shape import SHAPES
from snntk_onnx.translation import Call, Value

Builder = Callable[[Call], Value | tuple[Value, ...]]

__all__ = ["ON_CODES", "OPERATORS", "Builder"]

OPERATORS: Mapping[str, Builder] = {
    **ACTIVATIONS, **ARITHMETIC, **LINEAR, **POOLING, **QUANTIZATION, **RESIZING, **SHAPES
}  # fmt: skip
"""What can be converted.  A builder adds nodes and returns its output, or a tuple of them."""
