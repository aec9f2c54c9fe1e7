"""From ATen operators to ops: one builder function for each, by operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from snntk_torch.operators.activation import ACTIVATIONS
from snntk_torch.operators.arithmetic import ARITHMETIC
from snntk_torch.operators.convolution import CONVOLUTIONS
from snntk_torch.operators.cutting import CUTTING
from snntk_torch.operators.linear import LINEAR
from snntk_torch.operators.pooling import POOLING
from snntk_torch.operators.resizing import RESIZING
from snntk_torch.operators.shape import SHAPES
from snntk_torch.translation import Call, Value

Builder = Callable[[Call], Value]

OPERATORS: Mapping[str, Builder] = {
    **ACTIVATIONS,
    **ARITHMETIC,
    **CONVOLUTIONS,
    **CUTTING,
    **LINEAR,
    **POOLING,
    **RESIZING,
    **SHAPES,
}
"""What can be converted.  A builder adds nodes and returns its value, or a list of them."""
