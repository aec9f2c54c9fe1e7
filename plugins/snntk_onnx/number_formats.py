"""The grids that constants of a file lie on: what DequantizeLinear and QONNX's quantizers say about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from snntk_core.errors import FormatError
from snntk_core.number_format import NumberFormat
from snntk_core.ops import Array
from snntk_core.shapes import Shape
from snntk_onnx.tensors import Unsupported
from snntk_onnx.translation import Call

QONNX = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")  # domains
BITS = 32  # of the widest format

ROUNDING: Mapping[str, Callable[[Array], Array]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.copysign(np.ceil(np.abs(x)), x),
    "DOWN": np.trunc,
    "HALF_UP": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
    "HALF_DOWN": lambda x: np.copysign(np.ceil(np.abs(x) - 0.5), x),
}
"""How QONNX rounds: UP is away from zero, DOWN towards it."""


def spread(array: Array, axis: int, rank: int) -> Array:
    """Return steps or zero points as they meet an array of ``rank`` axes: one of all, or one for each of an axis."""
    if array.size == 1:
        return array.reshape(())
    if array.ndim != 1 or not -rank <= axis < rank:
        raise Unsupported(f"its scale has the shape {array.shape}; one for all or one for each of an axis is supported")
    return array.reshape([-1 if at == axis % rank else 1 for at in range(rank)])


def bounds(call: Call) -> tuple[int, int, int]:
    """Return the bits of a QONNX Quant and its smallest and largest code."""
    bits = call.constant(3, "bit width").reshape(-1)
    if bits.size != 1 or float(bits[0]) != int(bits[0]) or not 1 <= int(bits[0]) <= BITS:
        raise Unsupported(f"its bit width is {bits.tolist()[:4]}; one whole number from 1 to {BITS} is supported")
    width, narrow = int(bits[0]), call.integer("narrow", 1)
    if call.integer("signed", 1):
        return width, -(2 ** (width - 1)) + bool(narrow), 2 ** (width - 1) - 1
    return width, 0, 2**width - 1 - bool(narrow)


def is_bipolar(call: Call) -> bool:
    """Whether a QONNX Quant has one signed bit: the codes -1 and 1."""
    return bool(call.integer("signed", 1)) and bounds(call)[0] == 1


def rounding_of(call: Call) -> Callable[[Array], Array]:
    """Return how a QONNX Quant rounds."""
    mode = call.text("rounding_mode", "ROUND").upper()
    if mode not in ROUNDING:
        raise Unsupported(f"the rounding {mode!r} is not known")
    return ROUNDING[mode]


def dequantize(call: Call) -> Array:
    """Fold DequantizeLinear: ``(code - zero point) * scale``."""
    codes, scale = call.constant(0, "data"), call.constant(1, "scale")
    steps = spread(scale, call.integer("axis", 1), codes.ndim)
    return np.asarray(_shifted(call, codes) * steps, scale.dtype)


def _shifted(call: Call, codes: Array) -> Array:
    if not call.given(2):
        return codes.astype(np.int64)
    zero = call.constant(2, "zero point").astype(np.int64)
    return np.asarray(codes.astype(np.int64) - spread(zero, call.integer("axis", 1), codes.ndim))


def quantize(call: Call) -> Array:
    """Fold QuantizeLinear: ``saturate(round_half_even(x / scale) + zero point)``."""
    data, axis = call.constant(0, "data"), call.integer("axis", 1)
    zero = call.constant(2, "zero point") if call.given(2) else np.zeros((), np.uint8)
    codes = np.rint(data / spread(call.constant(1, "scale"), axis, data.ndim))
    limits = np.iinfo(zero.dtype)
    whole = codes + spread(zero.astype(np.float64), axis, data.ndim)
    return np.asarray(np.clip(whole, limits.min, limits.max).astype(zero.dtype))


def quant(call: Call) -> Array:
    """Fold QONNX's Quant: ``(round(clip(x / scale + zero point)) - zero point) * scale``."""
    data, scale, zero = (call.constant(index, what) for index, what in enumerate(("data", "scale", "zero point")))
    codes = data / scale + zero
    if is_bipolar(call):
        codes = np.where(codes >= 0, 1.0, -1.0).astype(data.dtype)
    else:
        _, lowest, highest = bounds(call)
        codes = rounding_of(call)(np.clip(codes, lowest, highest))
    return np.asarray((codes - zero) * scale, data.dtype)


def bipolar(call: Call) -> Array:
    """Fold QONNX's BipolarQuant: ``scale`` where ``x >= 0``, else ``-scale``."""
    data = call.constant(0, "data")
    return np.asarray(np.where(data >= 0, 1, -1) * call.constant(1, "scale"), data.dtype)


def format_of(kind: str, call: Call, result: Array) -> NumberFormat | None:
    """Return the format that a folded constant is kept in, or None.

    A quantized one that no format holds keeps its values, and the translation keeps a note of the reason.
    """
    try:
        found = FORMATS[kind](call) if kind in FORMATS else None
    except FormatError:
        return call.note("its scale is not above zero")
    if found is None or (found.fits(result.shape) and found.honored_by(result)):
        return found
    return call.note("its values do not lie on the grid it gives")


def _of_dequantized(call: Call) -> NumberFormat | None:
    stored, axis = call.constant(0, "data"), call.integer("axis", 1)
    scale, shifted = call.constant(1, "scale"), _shifted(call, call.constant(0, "data"))
    bits, signed = 8 * stored.dtype.itemsize, stored.dtype.kind == "i"
    if stored.dtype.kind not in "iu" or bits > BITS:
        return call.note(f"its codes have {bits} bits")
    low, high = (int(shifted.min()), int(shifted.max())) if shifted.size else (0, 0)
    if not signed and low >= 0 and high < 2**bits:
        signed = False
    elif low >= -(2 ** (bits - 1)) and high < 2 ** (bits - 1):
        signed = True
    else:
        return call.note(f"its zero point moves the codes to {low} to {high}, which no {bits} bits around zero hold")
    full = signed and low == -(2 ** (bits - 1))
    steps = scale.reshape(()) if scale.size == 1 else scale.reshape(-1)
    return NumberFormat(bits, steps, axis % stored.ndim if steps.ndim else None, signed, full)


def _of_quant(call: Call) -> NumberFormat | None:
    if call.constant(2, "zero point").any():
        return call.note("its zero point is not zero")
    width, lowest, _ = bounds(call)
    signed = bool(call.integer("signed", 1))
    return _stepped(call, width, signed, signed and width > 1 and lowest == -(2 ** (width - 1)))


def _stepped(call: Call, bits: int, signed: bool, full: bool) -> NumberFormat | None:
    """A format whose steps vary along one axis at most of what is quantized."""
    data, scale = call.constant(0, "data"), call.constant(1, "scale")
    long = [axis for axis, length in enumerate(scale.shape) if length != 1]
    if len(long) > 1 or scale.ndim > data.ndim:
        return call.note(f"its scale of shape {scale.shape} varies along several axes")
    axis = long[0] + data.ndim - scale.ndim if long else None
    return NumberFormat(bits, scale.reshape(-1 if long else ()), axis, signed, full)


def _unmoved(call: Call) -> NumberFormat | None:
    return call.format(0)


def _of_all(call: Call) -> NumberFormat | None:
    """Other shapes keep a format that is the same everywhere."""
    found = call.format(0)
    return found if found is None or found.axis is None else call.note("it is reshaped, and its scale varies")


def _transposed(call: Call) -> NumberFormat | None:
    rank = call.constant(0, "data").ndim
    return turned(call.format(0), call.integers("perm") or tuple(reversed(range(rank))))


def turned(number_format: NumberFormat | None, order: Shape) -> NumberFormat | None:
    """Return the format of an array transposed by ``order``."""
    if number_format is None or number_format.axis is None:
        return number_format
    return replace(number_format, axis=order.index(number_format.axis % len(order)))


FORMATS: Mapping[str, Callable[[Call], NumberFormat | None]] = {
    "DequantizeLinear": _of_dequantized,
    "Quant": _of_quant,
    "IntQuant": _of_quant,
    "BipolarQuant": lambda call: _stepped(call, 1, signed=True, full=False),
    "Transpose": _transposed,
    "Identity": _unmoved,
    "Cast": _unmoved,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _of_all),
}
"""What keeps or gives a format."""
