"""Builders of quantized activations: pairs of QuantizeLinear and DequantizeLinear, and QONNX's quantizers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array, BinaryTanh, FakeQuantize, Op, QuantizedRelu, Relu, Scale
from snntk_onnx.number_formats import bounds, is_bipolar, spread
from snntk_onnx.operators.arithmetic import ONE, per_sample
from snntk_onnx.tensors import Unsupported
from snntk_onnx.translation import Call, Codes, Tensor

ADVICE = "quantize activations with one fixed scale, or the weights alone"
HALF_EVEN = ("ROUND", "HALF_EVEN")


def _quantize_linear(call: Call) -> Codes:
    value, scale = call.tensor(), call.constant(1, "scale")
    zero = call.constant(2, "zero point") if call.given(2) else np.zeros((), np.uint8)
    if zero.dtype.kind not in "iu":
        raise Unsupported(f"its codes are {zero.dtype} numbers; only integers are supported")
    limits = np.iinfo(zero.dtype)
    return Codes(value, scale, zero, int(limits.min), int(limits.max), call.integer("axis", 1))


def _clip(call: Call) -> Codes:
    codes = call.codes()
    lower, upper = (call.constant(i, "bound") if call.given(i) else None for i in (1, 2))
    lowest = codes.lowest if lower is None else max(codes.lowest, int(lower.reshape(())))
    highest = codes.highest if upper is None else min(codes.highest, int(upper.reshape(())))
    return replace(codes, lowest=lowest, highest=highest)


def _dequantize_linear(call: Call) -> Tensor:
    codes, scale = call.codes(), call.constant(1, "scale")
    zero = call.constant(2, "zero point") if call.given(2) else np.zeros((), codes.zero.dtype)
    if not (np.array_equal(codes.scale, scale) and np.array_equal(codes.zero, zero)):
        raise Unsupported("its scale and zero point are not those of the QuantizeLinear before it")
    zeros = np.unique(codes.zero.astype(np.int64))
    if zeros.size != 1:
        raise Unsupported(f"its zero points differ between channels; {ADVICE}")
    rank = len(codes.value.shape) + 1
    axis = codes.axis if scale.size > 1 else rank - 1
    if axis % rank == 0:
        raise Unsupported("its scale varies along the batch")
    steps = per_sample(spread(scale, axis, rank), codes.value)
    return _rounded(call, codes.value, steps, codes.lowest - int(zeros[0]), codes.highest - int(zeros[0]))


def _quant(call: Call) -> Tensor:
    value, scale = call.tensor(), call.constant(1, "scale")
    if call.constant(2, "zero point").any():
        raise Unsupported(f"it rounds after its zero point is added, which no operation here does; {ADVICE}")
    steps = per_sample(scale, value)
    if is_bipolar(call):
        return _signs(call, value, steps)
    mode = call.text("rounding_mode", "ROUND").upper()
    if mode not in HALF_EVEN:
        raise Unsupported(f"it rounds values of the network by {mode!r}; only 'ROUND', half to even, is supported")
    _, lowest, highest = bounds(call)
    return _rounded(call, value, steps, lowest, highest)


def _bipolar_quant(call: Call) -> Tensor:
    value = call.tensor()
    return _signs(call, value, per_sample(call.constant(1, "scale"), value))


def _signs(call: Call, value: Tensor, steps: Array) -> Tensor:
    """``steps`` where ``x >= 0``, else ``-steps``: BinaryTanh has its step on the other side, so both sides turn."""
    turned = call.add(Scale(-ONE), value, suffix="_turned")
    return call.add(Scale(-steps), call.add(BinaryTanh(), turned, suffix="_sign"))


def _rounded(call: Call, value: Tensor, steps: Array, lowest: int, highest: int) -> Tensor:
    """Add what rounds a value to codes times ``steps``; a Relu before it becomes the quantized one."""
    if not np.all((steps > 0) & np.isfinite(steps)) or not lowest <= 0 < highest:
        raise Unsupported(f"its codes from {lowest} to {highest} or its scale do not lie around zero; {ADVICE}")
    rectified = isinstance(call.translation.node(value).op, Relu)
    op: Op = FakeQuantize(steps, lowest, highest)
    if lowest == 0 or rectified:
        op = QuantizedRelu(steps, highest)
    formats = {"output": _output_format(steps, lowest, highest)}
    if rectified and call.translation.users.get(value.node) == 1:
        call.translation.replace(value, op, formats)
        return value
    return call.add(op, value, formats=formats)


def _output_format(steps: Array, lowest: int, highest: int) -> NumberFormat | None:
    """The format of what an activation puts out, where one step serves all."""
    if steps.size != 1:
        return None
    signed = lowest < 0
    bits = int(max(highest.bit_length(), (-lowest - 1).bit_length() if signed else 0)) + signed
    return NumberFormat(bits, steps.reshape(()), None, signed, signed and lowest == -(2 ** (bits - 1)))


QUANTIZATION = {
    "QuantizeLinear": _quantize_linear,
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar_quant,
}
"""Builders of quantizers."""

ON_CODES = {"DequantizeLinear": _dequantize_linear, "Clip": _clip, "Identity": lambda call: call.codes()}
"""Builders of what may stand between a QuantizeLinear and its DequantizeLinear, or end the pair."""
