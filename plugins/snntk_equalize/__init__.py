"""Rewrites that prepare a network for few bits: blocks in order, normalization folded, weight ranges evened out."""

from __future__ import annotations

from collections.abc import Iterable

from snntk_core import Transform, hookimpl
from snntk_equalize.arrange_blocks import ArrangeBlocks
from snntk_equalize.equalize_layers import EqualizeLayers
from snntk_equalize.equalize_power_of_two import EqualizePowerOfTwo
from snntk_equalize.fold_adjacent_batchnorm import FoldAdjacentBatchnorm
from snntk_equalize.invert_batchnorm_pooling import InvertBatchnormPooling
from snntk_equalize.max_pool_before_activation import MaxPoolBeforeActivation
from snntk_equalize.normalize_separable import NormalizeSeparable
from snntk_equalize.rescale_activations import RescaleActivations

__all__ = [
    "ArrangeBlocks",
    "EqualizeLayers",
    "EqualizePowerOfTwo",
    "FoldAdjacentBatchnorm",
    "InvertBatchnormPooling",
    "MaxPoolBeforeActivation",
    "NormalizeSeparable",
    "RescaleActivations",
]


@hookimpl
def snntk_transforms() -> Iterable[type[Transform]]:
    """Offer the rewrites in the order recipes use them."""
    return (
        ArrangeBlocks,
        MaxPoolBeforeActivation,
        InvertBatchnormPooling,
        FoldAdjacentBatchnorm,
        NormalizeSeparable,
        EqualizeLayers,
        EqualizePowerOfTwo,
        RescaleActivations,
    )
