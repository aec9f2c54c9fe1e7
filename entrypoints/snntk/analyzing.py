"""What quantization did to each layer, for programs."""

from __future__ import annotations

from typing import Any

from snntk.conversion import as_graph
from snntk.given import as_samples, checked_graph, installed
from snntk.quantizing import prepared, rewrites_of
from snntk_core.errors import DataError
from snntk_core.graph import Graph
from snntk_core.layer_errors import LayerError
from snntk_core.layer_errors import layer_errors as _layer_errors
from snntk_core.parser import Parser
from snntk_core.registry import Registry


def layer_errors(
    source_or_graph: object,
    quantized: Graph,
    samples: Any,
    *,
    parser: str | Parser | None = None,
    registry: Registry | None = None,
) -> tuple[LayerError, ...]:
    """Return what quantization did to each layer, channel by channel: its own error, and all that has piled up.

    ``source_or_graph``: the float network; the rewrites that came before quantization are made first.  ``samples``:
    ``(n, *input shape)``, or a path of them.  Raises `FormatError` where no layer of it is quantized.

    >>> errors = snntk.layer_errors("model.onnx", quantized, x_train[:100])
    """
    registry, found = registry or installed(), as_samples(samples)
    if found is None:
        raise DataError("The error of a layer is measured on samples, and there are none.")
    before = prepared(as_graph(source_or_graph, parser, registry), rewrites_of(checked_graph(quantized)), registry)
    return _layer_errors(before, quantized, found)
