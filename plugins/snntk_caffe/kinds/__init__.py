"""From kinds of Caffe layers to layers that caffe2onnx converts correctly: one builder function for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from snntk_caffe.kinds.activation import ACTIVATIONS
from snntk_caffe.kinds.affine import AFFINE
from snntk_caffe.kinds.joining import JOINING
from snntk_caffe.kinds.pooling import POOLING
from snntk_caffe.kinds.shape import SHAPES
from snntk_caffe.kinds.weighted import WEIGHTED
from snntk_caffe.translation import Call

Builder = Callable[[Call], str]

KINDS: Mapping[str, Builder] = {**ACTIVATIONS, **AFFINE, **JOINING, **POOLING, **SHAPES, **WEIGHTED}
"""What can be converted.  A builder adds layers and returns the id of its output."""

KEEPS_SHAPE = frozenset({*ACTIVATIONS, *AFFINE})
"""Kinds whose output has the shape of their input, whatever else is wrong with them."""
