"""What every layer got, as a file: written, read, and applied again."""

from __future__ import annotations

import json
import tomllib
import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from snntk.conversion import as_graph
from snntk.given import checked_graph, installed
from snntk.quantizing import prepared, rewrites_of
from snntk.recipe_quantizing import KEPT, RECIPE, Quantized
from snntk_core.errors import FormatError
from snntk_core.format_table import as_toml, checked_table, format_table, others, with_formats
from snntk_core.graph import Graph
from snntk_core.parser import Parser
from snntk_core.registry import Registry

CHANGED = (
    "the weights are not those of the network that the table was written of. Their rounding had been adapted or "
    "trained, their biases corrected, the table was changed, or the model is another; a table keeps formats only."
)
SUFFIXES = (".toml", ".json")


def dump_quantization(graph: Graph, path: str | PathLike[str] | None = None) -> dict[str, Any]:
    """Return what every layer got as plain data, and write it to a ``.toml`` or ``.json`` file where a path is given.

    Formats are kept, not the weights: adapted or trained rounding and corrected biases are not part of it, so such a
    network is kept with `save`.  Raises `FormatError` for another suffix, for a path that cannot be written, and for a
    network that a recipe has quantized, whose other steps would be lost.

    >>> table = snntk.dump_quantization(quantized, "quantized.toml")
    """
    if RECIPE in checked_graph(graph).meta:
        raise FormatError(f"The recipe {graph.meta[RECIPE]} has quantized this network. {KEPT}")
    table = format_table(graph, rewrites_of(graph))
    if path is not None:
        found = checked_suffix(path)
        try:
            found.write_text(table_text(table, found), encoding="utf-8")
        except OSError as error:
            raise FormatError(f"{found} cannot be written: {error.strerror}.") from error
    return table


def load_quantization(
    source_or_graph: object,
    table: str | PathLike[str] | Mapping[str, Any],
    *,
    parser: str | Parser | None = None,
    registry: Registry | None = None,
) -> Graph:
    """Return a float network with the formats that `dump_quantization` gave, after the same rewrites.

    ``table``: the path of a ``.toml`` or ``.json`` file, or the data.  Warns where the weights are not those that the
    network had when the table was written.  Raises `FormatError` with everything that does not fit the network.

    >>> quantized = snntk.load_quantization("model.onnx", "quantized.toml")
    """
    registry = registry or installed()
    if not isinstance(table, Mapping | str | PathLike):
        raise FormatError(
            f"A table of formats is a path or what dump_quantization gives, got a {type(table).__name__}."
        )
    found = checked_table(table) if isinstance(table, Mapping) else read_table(table)
    _, graph, notes = applied(as_graph(source_or_graph, parser, registry), found, registry)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return graph


def applied(graph: Graph, table: Mapping[str, Any], registry: Registry) -> Quantized:
    """Return a network with the formats of a table, before and after, and what is to be said about its weights."""
    before = prepared(graph, table.get("transforms", ()), registry)
    after = with_formats(before, table)
    changed = others(after, table)
    return Quantized(before, after, (f"{', '.join(changed)}: {CHANGED}",) if changed else ())


def read_table(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the table of a ``.toml`` or ``.json`` file.  Raises `FormatError` for one that cannot be read."""
    found = checked_suffix(path)
    try:
        text = found.read_text(encoding="utf-8")
        values = tomllib.loads(text) if found.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise FormatError(f"{found} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{found} is no {found.suffix[1:].upper()}: {error}.") from error
    if not isinstance(values, Mapping):
        raise FormatError(f"{found} is no table of formats.")
    try:
        return checked_table(values)
    except FormatError as error:
        raise FormatError(f"{found}: {error}") from error


def checked_suffix(path: str | PathLike[str]) -> Path:
    """Return the path of a table.  Raises `FormatError` unless it is a .toml or .json file's."""
    found = Path(path).expanduser()
    if found.suffix not in SUFFIXES:
        raise FormatError(f"A table of formats is a {' or '.join(SUFFIXES)} file, got {found}.")
    return found


def table_text(table: Mapping[str, Any], path: Path) -> str:
    """Return the table as the path's suffix says."""
    return as_toml(table) if path.suffix == ".toml" else json.dumps(table, indent=2) + "\n"
