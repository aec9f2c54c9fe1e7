"""The standard rewrites of an analog graph: folding, canonical forms, and what a spiking network needs."""

from __future__ import annotations

from collections.abc import Iterable

from snntk_core import Transform, hookimpl
from snntk_standard.activation_before_max_pool import ActivationBeforeMaxPool
from snntk_standard.drop_dropout import DropDropout
from snntk_standard.drop_fake_quantize import DropFakeQuantize
from snntk_standard.fold_batchnorm import FoldBatchnorm
from snntk_standard.fold_constant_scale import FoldConstantScale
from snntk_standard.fuse_consecutive_linear import FuseConsecutiveLinear
from snntk_standard.insert_flatten import InsertFlatten
from snntk_standard.max_pool_before_concat import MaxPoolBeforeConcat
from snntk_standard.max_to_average_pool import MaxToAveragePool
from snntk_standard.rectify_pooled_sums import RectifyPooledSums
from snntk_standard.shift_pooled_currents import ShiftPooledCurrents
from snntk_standard.softmax_to_readout import SoftmaxToReadout
from snntk_standard.split_global_pool import SplitGlobalPool

__all__ = [
    "ActivationBeforeMaxPool",
    "DropDropout",
    "DropFakeQuantize",
    "FoldBatchnorm",
    "FoldConstantScale",
    "FuseConsecutiveLinear",
    "InsertFlatten",
    "MaxPoolBeforeConcat",
    "MaxToAveragePool",
    "RectifyPooledSums",
    "ShiftPooledCurrents",
    "SoftmaxToReadout",
    "SplitGlobalPool",
]


@hookimpl
def snntk_transforms() -> Iterable[type[Transform]]:
    """Offer the rewrites in the order recipes use them."""
    return (
        DropDropout,
        SplitGlobalPool,
        InsertFlatten,
        FoldBatchnorm,
        FoldConstantScale,
        FuseConsecutiveLinear,
        DropFakeQuantize,
        ActivationBeforeMaxPool,
        MaxPoolBeforeConcat,
        RectifyPooledSums,
        ShiftPooledCurrents,
        MaxToAveragePool,
        SoftmaxToReadout,
    )
