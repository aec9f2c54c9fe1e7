"""What the layers of the source are called: the nodes of the file, unless whoever wrote it says what they stand for.

A parser that hands its model over as ONNX leaves the names of its own layers in the metadata, as JSON under one key:
of a node, the list of the layers it stands for; of the model, a table of every layer and its kind, in order.
"""

from __future__ import annotations

import json
from typing import Any

from snntk_onnx.reading import printable

KEY = "snntk.layers"


def layers_of(node: Any, stem: str) -> tuple[str, ...]:
    """Return the layers of the source that a node of the file stands for: what its metadata says, or itself."""
    said = _said(node)
    names = said if isinstance(said, list) else ()
    return tuple(printable(name) for name in names if isinstance(name, str)) or (stem,)


def layers_in(proto: Any) -> dict[str, str]:
    """Return every layer of the source with its kind as the metadata of the model says; empty without a word."""
    said = _said(proto)
    pairs = said.items() if isinstance(said, dict) else ()
    return {printable(name): printable(kind) for name, kind in pairs if isinstance(kind, str)}


def _said(message: Any) -> Any:
    text = next((item.value for item in message.metadata_props if item.key == KEY), "null")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
