"""Weight quantizers: uniform, symmetric, with a zero in the middle of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_core import Array, Node, NumberFormat, WeightQuantizer, option
from snntk_uniform.ranges import Depthwise, check_bits, check_scale, over_outputs, symmetric
from snntk_uniform.search import least_squared_weight_error

LEAST, MOST = 2, 16
BITS = "bits of each weight, 2 to 16"
LARGEST_SCALE = (
    "how many codes one unit has at most, 1000 as in cnn2snn, so that small weights are rounded away; 0: any"
)
DEPTHWISE = "one step for a whole depthwise kernel, or one for each channel"


@dataclass(frozen=True)
class Max(WeightQuantizer):
    """``step = max(max|w| / (2^(bits-1) - 1), 1 / largest_scale)``: one grid for the whole weight; biases stay float.

    ``code = clip(round_half_even(w / step), -(2^(bits-1) - 1), 2^(bits-1) - 1)``.  cnn2snn's MaxQuantizer.
    """

    name: ClassVar[str] = "max"

    bits: int = option(4, BITS)
    largest_scale: float = option(1000.0, LARGEST_SCALE)

    def __post_init__(self) -> None:
        check_bits(self.bits, LEAST, MOST)
        check_scale(self.largest_scale)

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return the grid over the largest absolute value."""
        return None if role == "bias" else symmetric(self.bits, np.abs(array).max(initial=0), None, self.largest_scale)


@dataclass(frozen=True)
class MaxPerAxis(WeightQuantizer):
    """``step_c = max(max|w_c| / (2^(bits-1) - 1), 1 / largest_scale)`` for each output channel ``c``.

    A depthwise kernel has one step, which is what Akida takes, or one for each channel.  Biases stay float.  cnn2snn's
    MaxPerAxisQuantizer.
    """

    name: ClassVar[str] = "max-per-axis"

    bits: int = option(4, BITS)
    depthwise: Depthwise = option("tensor", DEPTHWISE)
    largest_scale: float = option(1000.0, LARGEST_SCALE)

    def __post_init__(self) -> None:
        check_bits(self.bits, LEAST, MOST)
        check_scale(self.largest_scale)

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return the grids over the largest absolute values."""
        if role == "bias":
            return None
        shared, axis = over_outputs(array, node, self.depthwise)
        return symmetric(self.bits, np.abs(array).max(axis=shared, initial=0), axis, self.largest_scale)


@dataclass(frozen=True)
class Std(WeightQuantizer):
    """``step = max(threshold * std(w) / (2^(bits-1) - 1), 1 / largest_scale)``: one grid for the whole weight.

    ``std`` is that of the population.  What lies beyond the range gets the largest code; biases stay float.  cnn2snn's
    StdWeightQuantizer.
    """

    name: ClassVar[str] = "std"
    idempotent: ClassVar[bool] = False

    bits: int = option(4, BITS)
    threshold: float = option(3.0, "the range in standard deviations")
    largest_scale: float = option(1000.0, LARGEST_SCALE)

    def __post_init__(self) -> None:
        check_bits(self.bits, LEAST, MOST)
        check_scale(self.largest_scale)
        _check_threshold(self.threshold)

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return the grid over some standard deviations."""
        if role == "bias":
            return None
        return symmetric(self.bits, self.threshold * np.std(array, dtype=np.float64), None, self.largest_scale)


@dataclass(frozen=True)
class StdPerAxis(WeightQuantizer):
    """``step_c = max(threshold * std(w_c) / (2^(bits-1) - 1), 1 / largest_scale)`` for each output channel ``c``.

    ``std`` is that of the population; biases stay float.  cnn2snn's StdPerAxisQuantizer.
    """

    name: ClassVar[str] = "std-per-axis"
    idempotent: ClassVar[bool] = False

    bits: int = option(4, BITS)
    threshold: float = option(3.0, "the range in standard deviations")
    depthwise: Depthwise = option("tensor", DEPTHWISE)
    largest_scale: float = option(1000.0, LARGEST_SCALE)

    def __post_init__(self) -> None:
        check_bits(self.bits, LEAST, MOST)
        check_scale(self.largest_scale)
        _check_threshold(self.threshold)

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return the grids over some standard deviations."""
        if role == "bias":
            return None
        shared, axis = over_outputs(array, node, self.depthwise)
        return symmetric(
            self.bits, self.threshold * np.std(array, axis=shared, dtype=np.float64), axis, self.largest_scale
        )


@dataclass(frozen=True)
class LeastSquaresPerAxis(WeightQuantizer):
    """``step_c = argmin_s sum (w_c - Q_s(w_c))^2`` for each output channel ``c``.

    ``Q_s(w) = s * clip(round_half_even(w / s), -N, N)``, ``N = 2^(bits-1) - 1``; the steps tried reach from a fiftieth
    of the largest absolute value to all of it.  What lies beyond the range gets the largest code.  For two to four
    bits, with calibration behind it.  A depthwise kernel has one step, or one for each channel.  Biases stay float.
    Source: Nagel 2021.
    """

    name: ClassVar[str] = "least-squares-per-axis"

    bits: int = option(4, BITS)
    depthwise: Depthwise = option("tensor", DEPTHWISE)

    def __post_init__(self) -> None:
        check_bits(self.bits, LEAST, MOST)

    def format_for(self, array: Array, role: Literal["weight", "bias"], node: Node) -> NumberFormat | None:
        """Return the grids with the least error."""
        if role == "bias":
            return None
        shared, axis = over_outputs(array, node, self.depthwise)
        return symmetric(self.bits, least_squared_weight_error(array, shared, 2 ** (self.bits - 1) - 1), axis, 0.0)


def _check_threshold(threshold: float) -> None:
    if not threshold > 0:
        raise ValueError(f"threshold is a number of standard deviations above 0, got {threshold:g}")
