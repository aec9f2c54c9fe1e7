"""A builder for every class of layer that can be converted."""

from __future__ import annotations

from collections.abc import Mapping

from snntk_keras.layers.activation import ACTIVATIONS
from snntk_keras.layers.arithmetic import ARITHMETIC
from snntk_keras.layers.convolution import CONVOLUTIONS
from snntk_keras.layers.dense import DENSE
from snntk_keras.layers.normalization import NORMALIZATIONS
from snntk_keras.layers.pooling import POOLING
from snntk_keras.layers.quantized import QUANTIZED
from snntk_keras.layers.shape import SHAPES
from snntk_keras.layers.training import TRAINING
from snntk_keras.translation import Builder

LAYERS: Mapping[str, Builder] = {
    **ACTIVATIONS,
    **ARITHMETIC,
    **CONVOLUTIONS,
    **DENSE,
    **NORMALIZATIONS,
    **POOLING,
    **QUANTIZED,
    **SHAPES,
    **TRAINING,
}
"""Builders by the name of the class."""
