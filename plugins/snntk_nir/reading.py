"""A NIR graph as plain data, from a file or a live object: its nodes by name, its edges, and its metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snntk_core import ParseError
from snntk_nir.refusal import Refused, printable
from snntk_nir.tree import read_tree

NODES = 10_000
EXPORT = "export the network again with nir.write"


@dataclass(frozen=True, eq=False)
class NirModel:
    """``nodes``: what NIR stores of each node, ``type`` among it.  ``edges``: pairs of names.

    ``metadata``: what the writer left about the whole graph.
    """

    nodes: Mapping[str, Mapping[str, Any]]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    label: str = "the NIR graph"


def is_live(source: object) -> bool:
    """Whether ``source`` is a NIRGraph; asked without importing nir."""
    kind = type(source)
    return kind.__name__ == "NIRGraph" and kind.__module__.split(".")[0] == "nir"


def read(source: object) -> NirModel:
    """Return the graph behind a path or a live NIRGraph.  Raises `ParseError` in one sentence for anything else."""
    if isinstance(source, NirModel):
        return source
    label = printable(source) if isinstance(source, str | Path) else "the NIR graph"
    try:
        if isinstance(source, str | Path):
            data, _ = read_tree(Path(source))
        elif is_live(source):
            data = source.to_dict()  # type: ignore[attr-defined]
        else:
            raise Refused(f"a {type(source).__name__} is not a NIR graph", "give a .nir file or a nir.NIRGraph")
        return _model(data, label)
    except Refused as error:
        raise ParseError(label, f"{error.problem};", remedy=f"{error.remedy or EXPORT}.") from error
    except (OSError, ValueError) as error:
        reason = printable(getattr(error, "strerror", None) or error)
        raise ParseError(label, f"the file cannot be read ({reason}); check the path.") from error


def _model(data: Mapping[str, Any], label: str) -> NirModel:
    nodes, metadata = data.get("nodes"), data.get("metadata", {})
    if data.get("type") != "NIRGraph" or not isinstance(nodes, dict) or not nodes or len(nodes) > NODES:
        raise Refused("it holds no NIRGraph with nodes")
    for name, node in nodes.items():
        if not isinstance(node, dict) or not isinstance(node.get("type"), str):
            raise Refused(f"its node {printable(name)!r} has no type")
    edges = tuple(sorted(set(_edges(data.get("edges", ())))))
    missing = [name for edge in edges for name in edge if name not in nodes]
    if missing:
        raise Refused(f"an edge names {printable(missing[0])!r}, which is no node")
    return NirModel(nodes, edges, metadata if isinstance(metadata, dict) else {}, label)


def _edges(pairs: object) -> Iterable[tuple[str, str]]:
    if not isinstance(pairs, list | tuple | np.ndarray) or getattr(pairs, "shape", None) == ():
        raise Refused("its edges are not pairs")
    for pair in pairs:
        if isinstance(pair, str | bytes) or np.ndim(pair) != 1:
            raise Refused("its edges are not pairs")
        names = tuple(name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in pair)
        if len(names) != 2:
            raise Refused("its edges are not pairs")
        yield names
