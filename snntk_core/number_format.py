"""Number formats: uniform grids that values are rounded to, with lossless integer codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snntk_core.errors import FormatError
from snntk_core.ops.base import Array, array_field, read_only
from snntk_core.shapes import Shape


@dataclass(frozen=True, eq=False)
class NumberFormat:
    """``code = clip(round_half_even(x / scale), lowest, highest)``; ``x ~ code * scale``.

    ``scale``: the step, a scalar, or one for each index of ``axis``.  Signed codes are zero-symmetric,
    ``-(2^(bits-1) - 1)`` to ``2^(bits-1) - 1``, unless ``full_range`` adds ``-2^(bits-1)``; unsigned codes are
    ``0`` to ``2^bits - 1``.  Raises `FormatError` for bits outside 1 to 32 and steps not above zero.
    """

    bits: int
    scale: Array = array_field()
    axis: int | None = None
    signed: bool = True
    full_range: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", read_only(np.asarray(self.scale, np.float32)))
        if not 1 <= self.bits <= 32:
            raise FormatError(f"A number format has 1 to 32 bits, got {self.bits}.")
        if self.scale.ndim != (self.axis is not None) or not np.all((self.scale > 0) & np.isfinite(self.scale)):
            raise FormatError("A number format needs one step above zero, or one for each index of its axis.")

    @property
    def lowest(self) -> int:
        """The smallest code."""
        if not self.signed:
            return 0
        return -int(2 ** (self.bits - 1)) + (not self.full_range)

    @property
    def highest(self) -> int:
        """The largest code."""
        return int(2 ** (self.bits - self.signed)) - 1

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
        steps = self._steps(values.ndim).astype(np.float64)
        return np.clip(np.rint(values / steps), self.lowest, self.highest).astype(np.int64)

    def decode(self, codes: Array) -> Array:
        """Return the float32 values of ``codes``."""
        return (codes.astype(np.float64) * self._steps(codes.ndim)).astype(np.float32)

    def round(self, values: Array) -> Array:
        """Return the nearest values on the grid: ``decode(encode(values))``, the only way to make quantized values."""
        return self.decode(self.encode(values))

    def honored_by(self, values: Array) -> bool:
        """Whether every value is exactly on the grid."""
        return bool(np.array_equal(self.round(values), values))
