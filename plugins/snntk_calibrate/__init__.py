"""Calibration: biases, rounding and steps of a quantized network, fitted to what its float network puts out."""

from __future__ import annotations

from collections.abc import Iterable

from snntk_calibrate.adapt_rounding import AdaptRounding
from snntk_calibrate.correct_biases import CorrectBiases
from snntk_calibrate.reconstruct_blocks import ReconstructBlocks
from snntk_core import Transform, hookimpl

__all__ = ["AdaptRounding", "CorrectBiases", "ReconstructBlocks"]


@hookimpl
def snntk_transforms() -> Iterable[type[Transform]]:
    """Offer the methods in the order recipes use them."""
    return (AdaptRounding, ReconstructBlocks, CorrectBiases)
