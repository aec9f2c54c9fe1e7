"""Number formats: uniform grids that values are rounded to, with lossless integer codes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snntk_core.errors import FormatError
from snntk_core.ops.base import Array, array_field, read_only
from snntk_core.shapes import Shape

STEP_ERROR = 2.0**-23  # relative: how far a step in float32 may take a value from the tie that it is


@dataclass(frozen=True, eq=False)
class NumberFormat:
    """``code = clip(round_half_even(x / scale), lowest, highest)``; ``x ~ code * scale``.

    ``scale``: the step, a scalar, or one for each index of ``axis``.  Signed codes are zero-symmetric,
    ``-(2^(bits-1) - 1)`` to ``2^(bits-1) - 1``, unless ``full_range`` adds ``-2^(bits-1)``; unsigned codes are
    ``0`` to ``2^bits - 1``.  One signed bit is a sign: the codes are ``1`` for ``x > 0``, else ``-1``, and there is no
    zero.  ``quantizer``: who chose it, with what options.  Raises `FormatError` for bits outside 1 to 32 and steps not
    above zero.
    """

    bits: int
    scale: Array = array_field()
    axis: int | None = None
    signed: bool = True
    full_range: bool = False
    quantizer: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", read_only(np.asarray(self.scale, np.float32)))
        if not 1 <= self.bits <= 32:
            raise FormatError(f"A number format has 1 to 32 bits, got {self.bits}.")
        if self.scale.ndim != (self.axis is not None) or not np.all((self.scale > 0) & np.isfinite(self.scale)):
            raise FormatError("A number format needs one step above zero, or one for each index of its axis.")

    @classmethod
    def spanning(
        cls, bits: int, largest: Array | float, *, axis: int | None = None, signed: bool = True, smallest: float = 0.0
    ) -> NumberFormat:
        """Return the format whose largest code stands for ``largest``: ``scale = largest / highest``.

        ``largest``: a scalar, or one for each index of ``axis``; where it is zero, everything is zero and the step one.
        ``smallest``: no step is below it.
        """
        unit = cls(bits, np.ones((), np.float32), signed=signed)
        steps = np.asarray(largest, np.float64) / unit.highest
        least = max(smallest, float(np.finfo(np.float32).tiny))
        return cls(bits, np.where((steps > 0) | (smallest > 0), np.maximum(steps, least), 1.0), axis, signed)

    def with_bits(self, bits: int) -> NumberFormat:
        """Return the format with other bits and the same largest value."""
        if bits == self.bits:
            return self
        largest = self.scale.astype(np.float64) * self.highest
        return replace(self, bits=bits, scale=largest / replace(self, bits=bits).highest)

    @property
    def is_sign(self) -> bool:
        """Whether there are only two codes, -1 and 1."""
        return self.bits == 1 and self.signed

    @property
    def lowest(self) -> int:
        """The smallest code."""
        if not self.signed:
            return 0
        if self.bits == 1:
            return -1
        return -int(2 ** (self.bits - 1)) + (not self.full_range)

    @property
    def highest(self) -> int:
        """The largest code."""
        return 1 if self.is_sign else int(2 ** (self.bits - self.signed)) - 1

    def _steps(self, ndim: int) -> Array:
        if self.axis is None:
            return self.scale
        shape = [1] * ndim
        shape[self.axis] = self.scale.size
        return self.scale.reshape(shape)

    def fits(self, shape: Shape) -> bool:
        """Whether an array of ``shape`` has the axis of the steps, as long as there are steps."""
        if self.axis is None:
            return True
        return -len(shape) <= self.axis < len(shape) and shape[self.axis] == self.scale.size

    def encode(self, values: Array) -> Array:
        """Return the integer codes of ``values``, int64."""
        if self.is_sign:
            return np.where(values > 0, 1, -1)
        codes = values.astype(np.float64) / self._steps(values.ndim)
        return np.clip(np.rint(_with_ties(codes)), self.lowest, self.highest).astype(np.int64)

    def decode(self, codes: Array) -> Array:
        """Return the float32 values of ``codes``."""
        return (codes.astype(np.float64) * self._steps(codes.ndim)).astype(np.float32)

    def round(self, values: Array) -> Array:
        """Return the nearest values on the grid: ``decode(encode(values))``, the only way to make quantized values."""
        return self.decode(self.encode(values))

    def honored_by(self, values: Array) -> bool:
        """Whether every value is exactly on the grid."""
        return bool(np.array_equal(self.round(values), values))


def _with_ties(codes: Array) -> Array:
    """Return the codes before rounding, those that the step's own rounding took from a tie brought back to it."""
    halves = np.rint(2 * codes)
    near = np.minimum(STEP_ERROR * np.abs(halves), 1e-3)
    return np.where(np.abs(2 * codes - halves) <= near, halves / 2, codes)
