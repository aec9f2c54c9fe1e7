"""Builders of layers that act in training only."""

from __future__ import annotations

from collections.abc import Mapping

from snntk_core.ops import Dropout, Identity
from snntk_keras.translation import Builder, LayerCall, Tensor


def _dropout(call: LayerCall) -> Tensor:
    return call.add(Dropout(call.number("rate", 0.5)))


def _identity(call: LayerCall) -> Tensor:
    return call.add(Identity())


TRAINING: Mapping[str, Builder] = {
    "Dropout": _dropout,
    "SpatialDropout1D": _dropout,
    "SpatialDropout2D": _dropout,
    "AlphaDropout": _dropout,
    "GaussianDropout": _dropout,
    "GaussianNoise": _identity,
    "ActivityRegularization": _identity,
    "Identity": _identity,
}
"""Builders of layers that leave the network's output as it is."""
