"""The rate code: normalization from calibration data, integrate-and-fire neurons, and spike trains for the input."""

from pathlib import Path

from snntk_core import Transform, hookimpl
from snntk_rate.encode_input import EncodeInput
from snntk_rate.normalize_activations import NormalizeActivations
from snntk_rate.rate import Rate

__all__ = ["EncodeInput", "NormalizeActivations", "Rate"]


@hookimpl
def snntk_transforms() -> list[type[Transform]]:
    """Offer the normalization, the code and the encoding of the input."""
    return [NormalizeActivations, Rate, EncodeInput]


@hookimpl
def snntk_recipes() -> list[Path]:
    """Offer the recipe ``rate``."""
    return [Path(__file__).with_name("rate.toml")]
