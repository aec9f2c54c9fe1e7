"""From two files to an ONNX model."""

from __future__ import annotations

from typing import Any

from snntk_caffe.conversion import convert
from snntk_caffe.network import Description, Normalized
from snntk_caffe.normalization import normalize, require_known_kinds
from snntk_caffe.reading import read_network
from snntk_caffe.repair import repair
from snntk_caffe.sources import Files
from snntk_caffe.weights import read_weights
from snntk_core import ParseError
from snntk_core.shapes import Shape


def load(files: Files, input_shape: Shape = ()) -> Any:
    """Return the ModelProto of a Caffe model.  Raises `ParseError` naming everything in the way."""
    if any(length < 1 for length in input_shape):
        raise ParseError("input-shape", f"{list(input_shape)} is not the shape of a sample; give lengths above zero.")
    network = _normalized(read_network(files.network), files, input_shape)
    return repair(network, convert(network, str(files.network)), files.network.name)


def _normalized(description: Description, files: Files, input_shape: Shape) -> Normalized:
    try:
        weights = read_weights(files.weights)
    except ParseError:
        require_known_kinds(description)  # better weights would not help then
        raise
    return normalize(description, weights, input_shape)
