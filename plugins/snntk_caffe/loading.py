"""From the files of a Caffe model to an ONNX model."""

from __future__ import annotations

from typing import Any

from snntk_caffe.conversion import convert
from snntk_caffe.normalization import normalize, require_known_kinds
from snntk_caffe.reading import read_network
from snntk_caffe.repair import repair
from snntk_caffe.sources import as_paths, find, is_network
from snntk_caffe.weights import read_weights
from snntk_core import ParseError
from snntk_core.shapes import Shape


def load(source: object, input_shape: Shape = ()) -> Any:
    """Return the ModelProto of a Caffe model.  Raises `ParseError` naming everything in the way."""
    if any(length < 1 for length in input_shape):
        raise ParseError("input-shape", f"{list(input_shape)} is not the shape of a sample; give lengths above zero.")
    try:
        files = find(source)
        weights = read_weights(files.weights)
    except ParseError:
        for path in filter(is_network, as_paths(source)):
            require_known_kinds(read_network(path))  # better weights would not help then
        raise
    network = normalize(read_network(files.network), weights, input_shape)
    return repair(network, convert(network, str(files.network)), files.label)
