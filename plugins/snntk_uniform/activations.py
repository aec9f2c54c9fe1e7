"""Activation quantizers: a staircase of ``2^bits - 1`` equal steps from zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from snntk_core import ActivationQuantizer, Array, ClippedRelu, Node, NumberFormat, Rounding, Statistics, option
from snntk_core.quantized_output import largest_output, rectified
from snntk_uniform.ranges import check_bits, power_of_two
from snntk_uniform.search import least_squared_error

MOST = 16
BITS = "bits of each activation, 1 to 16"
PER = "one range for the layer, or one for each channel"
POWER = "round every step up to a power of two"
TIES = "the code of a value just between two: the even one, or the lower one, which Akida takes"
Per = Literal["layer", "channel"]
Ties = Literal["even", "down"]


@dataclass(frozen=True)
class DiscreteRelu(ActivationQuantizer):
    """``y = step * clip(ceil((x - step/2) / step), 0, N)``, ``step = min(N, 6) / N``, ``N = 2^bits - 1``.

    The range is 6, or N where that is less; no calibration.  cnn2snn's ActivationDiscreteRelu.
    """

    name: ClassVar[str] = "discrete-relu"
    needs_calibration: ClassVar[bool] = False
    rounding: ClassVar[Rounding] = "half-down"

    bits: int = option(4, BITS)

    def __post_init__(self) -> None:
        check_bits(self.bits, 1, MOST)

    def format_for(self, statistics: Statistics, node: Node) -> NumberFormat | None:
        """Return the fixed grid, whatever the node."""
        if not rectified(node.op):
            return None
        return NumberFormat.spanning(self.bits, min(2**self.bits - 1, 6), signed=False)


@dataclass(frozen=True)
class FixedRange(ActivationQuantizer):
    """``y = step * clip(ceil((x - step/2) / step), 0, N)``, ``step = maximum / N``, ``N = 2^bits - 1``.

    ``maximum`` is the activation's own bound, and ``unbounded`` for one that has none; no calibration.  cnn2snn's
    QuantizedReLU, whose default for ``unbounded`` was 6 in version 2.1 and is N since 2.2.
    """

    name: ClassVar[str] = "quantized-relu"
    needs_calibration: ClassVar[bool] = False
    rounding: ClassVar[Rounding] = "half-down"

    bits: int = option(4, BITS)
    maximum: float | None = option(None, "the largest value of every activation, whatever its own bound")
    unbounded: float = option(6.0, "the largest value of an activation without a bound")

    def __post_init__(self) -> None:
        check_bits(self.bits, 1, MOST)
        if not self.unbounded > 0 or (self.maximum is not None and not self.maximum > 0):
            raise ValueError(f"maximum and unbounded lie above 0, got {self.maximum} and {self.unbounded}")

    def format_for(self, statistics: Statistics, node: Node) -> NumberFormat | None:
        """Return the grid from zero to the bound."""
        if not rectified(node.op):
            return None
        bound = largest_output(node.op)
        if self.maximum is not None or bound is None:
            bound = np.asarray(self.unbounded if self.maximum is None else self.maximum)
        return _grid(self.bits, bound)


@dataclass(frozen=True)
class Percentile(ActivationQuantizer):
    """``step = q / N``, ``q`` the percentile of what is above zero in the calibration samples, ``N = 2^bits - 1``.

    ``y = step * clip(round(x / step), 0, N)``.  The range never exceeds the activation's own bound; a channel
    that stays silent gets the layer's largest.
    """

    name: ClassVar[str] = "percentile"

    bits: int = option(8, BITS)
    percentile: float = option(99.9, "percentile of the values above zero that gets the largest code")
    per: Per = option("layer", PER)
    power_of_two: bool = option(False, POWER)
    ties: Ties = option("even", TIES)

    def __post_init__(self) -> None:
        check_bits(self.bits, 1, MOST)
        if not 50 <= self.percentile <= 100:
            raise ValueError(f"percentile lies between 50 and 100, got {self.percentile:g}")

    @property
    def rounding(self) -> Rounding:  # type: ignore[override]
        """What becomes of a value just between two codes."""
        return "half-down" if self.ties == "down" else "half-even"

    def format_for(self, statistics: Statistics, node: Node) -> NumberFormat | None:
        """Return the grid up to the percentile."""
        if not rectified(node.op):
            return None
        assert statistics.histogram is not None, "the core collects histograms"
        histogram = statistics.histogram.merged() if self.per == "layer" else statistics.histogram
        largest = statistics.maximum.max() if self.per == "layer" else statistics.maximum
        reached = np.minimum(histogram.quantile(self.percentile), largest)
        return _calibrated(self.bits, reached, node, self.power_of_two)


@dataclass(frozen=True)
class MinimumMeanSquareError(ActivationQuantizer):
    """``step = argmin_s sum (x - Q_s(x))^2`` over the calibration samples, ``Q_s(x) = s * clip(round(x / s), 0, N)``.

    ``N = 2^bits - 1``.  The search looks at the histogram of what is above zero; with ``power_of_two`` it looks at
    powers of two only.  Source: the clipping of Banner 2019, found by search as in Nagel 2021.
    """

    name: ClassVar[str] = "minimum-mean-square-error"

    bits: int = option(8, BITS)
    per: Per = option("layer", PER)
    power_of_two: bool = option(False, "search only steps that are a power of two")
    ties: Ties = option("even", TIES)

    def __post_init__(self) -> None:
        check_bits(self.bits, 1, MOST)

    @property
    def rounding(self) -> Rounding:  # type: ignore[override]
        """What becomes of a value just between two codes."""
        return "half-down" if self.ties == "down" else "half-even"

    def format_for(self, statistics: Statistics, node: Node) -> NumberFormat | None:
        """Return the grid with the least error."""
        if not rectified(node.op):
            return None
        assert statistics.histogram is not None, "the core collects histograms"
        histogram = statistics.histogram.merged() if self.per == "layer" else statistics.histogram
        levels = 2**self.bits - 1
        found = least_squared_error(histogram, levels, statistics.maximum, powers_of_two=self.power_of_two)
        return _calibrated(self.bits, found * levels, node, self.power_of_two)


def _calibrated(bits: int, largest: Array, node: Node, powers: bool) -> NumberFormat:
    """Return the grid up to ``largest``, one value for the layer or one for each channel; zero means silent."""
    bound = largest_output(node.op) if isinstance(node.op, ClippedRelu) else None
    top = largest.max(initial=0.0)
    if top <= 0:
        top = 1.0 if bound is None else float(bound.max())
    largest = np.where(largest > 0, largest, top)
    if bound is not None and not powers:
        largest = np.minimum(largest, bound if bound.size in (1, largest.size) else bound.max())
    steps = largest / (2**bits - 1)
    return _grid(bits, (power_of_two(steps) if powers else steps) * (2**bits - 1))


def _grid(bits: int, largest: Array) -> NumberFormat:
    """Return the grid from zero to ``largest``: one step, or one for each channel."""
    values = np.asarray(largest).reshape(-1)
    if (values == values[0]).all():
        return NumberFormat.spanning(bits, values[0], signed=False)
    return NumberFormat.spanning(bits, values, axis=-1, signed=False)
