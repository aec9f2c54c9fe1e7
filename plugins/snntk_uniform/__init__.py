"""Uniform quantizers: symmetric grids for weights, staircases for rectified activations."""

from pathlib import Path

from snntk_core import ActivationQuantizer, WeightQuantizer, hookimpl
from snntk_uniform.activations import DiscreteRelu, FixedRange, MinimumMeanSquareError, Percentile
from snntk_uniform.weights import LeastSquaresPerAxis, Max, MaxPerAxis, Std, StdPerAxis

__all__ = [
    "DiscreteRelu",
    "FixedRange",
    "LeastSquaresPerAxis",
    "Max",
    "MaxPerAxis",
    "MinimumMeanSquareError",
    "Percentile",
    "Std",
    "StdPerAxis",
]


@hookimpl
def snntk_quantizers() -> list[type[WeightQuantizer | ActivationQuantizer]]:
    """Offer the quantizers."""
    return [
        Max,
        MaxPerAxis,
        Std,
        StdPerAxis,
        LeastSquaresPerAxis,
        DiscreteRelu,
        FixedRange,
        Percentile,
        MinimumMeanSquareError,
    ]


@hookimpl
def snntk_recipes() -> list[Path]:
    """Offer the recipe ``quantized-rate``."""
    return [Path(__file__).with_name("quantized-rate.toml")]
