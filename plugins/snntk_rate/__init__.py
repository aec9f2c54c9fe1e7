"""The rate code: normalization from calibration data, and integrate-and-fire neurons in place of activations."""

from pathlib import Path

from snntk_core import Transform, hookimpl
from snntk_rate.normalize_activations import NormalizeActivations
from snntk_rate.rate import Rate

__all__ = ["NormalizeActivations", "Rate"]


@hookimpl
def snntk_transforms() -> list[type[Transform]]:
    """Offer the normalization and the code."""
    return [NormalizeActivations, Rate]


@hookimpl
def snntk_recipes() -> list[Path]:
    """Offer the recipe ``rate``."""
    return [Path(__file__).with_name("rate.toml")]
