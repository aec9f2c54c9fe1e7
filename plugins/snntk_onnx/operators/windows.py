"""Attributes that convolutions and pooling share: kernel, strides, dilation, padding."""

from __future__ import annotations

from snntk_core.shapes import Padding, Shape
from snntk_onnx.tensors import Unsupported
from snntk_onnx.translation import Call, Tensor

LARGEST_PADDING = 1 << 12  # beyond any use, and before it hurts
AUTOMATIC: dict[str, Padding] = {"VALID": "valid", "SAME_UPPER": "same", "SAME_LOWER": "same-lower"}


def spatial_rank(value: Tensor) -> int:
    """Return the number of spatial axes of a channels-first value: one or two."""
    rank = len(value.shape) - 1
    if rank not in (1, 2):
        raise Unsupported(f"it has {rank} spatial axes; only one or two are supported")
    return rank


def per_axis(call: Call, attribute: str, rank: int) -> Shape:
    """Return a positive integer for each spatial axis; ones if the attribute is missing."""
    values = call.integers(attribute) or (1,) * rank
    if len(values) != rank or min(values) < 1:
        raise Unsupported(f"the attribute {attribute} is {list(values)}, which does not fit {rank} spatial axes")
    return values


def padding(call: Call, rank: int) -> Padding:
    """Return the padding that ``auto_pad`` or ``pads`` ask for."""
    mode = call.text("auto_pad", "NOTSET")
    if mode in AUTOMATIC:
        return AUTOMATIC[mode]
    if mode not in ("NOTSET", ""):
        raise Unsupported(f"the attribute auto_pad is {mode!r}")
    pads = call.integers("pads") or (0,) * (2 * rank)
    if len(pads) != 2 * rank or min(pads) < 0 or max(pads) > LARGEST_PADDING:
        raise Unsupported(f"the attribute pads is {list(pads)}, which does not fit {rank} spatial axes")
    return tuple(zip(pads[:rank], pads[rank:], strict=True)) if any(pads) else "valid"
